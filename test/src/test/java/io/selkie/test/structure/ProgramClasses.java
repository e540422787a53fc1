package io.selkie.test.structure;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

/** The compiled program without its tests, read once for all structure tests. */
final class ProgramClasses {

  static final JavaClasses PROGRAM = read();

  private ProgramClasses() {}

  private static JavaClasses read() {
    JavaClasses classes =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            // Tests of other modules that guests run; once packed, they are in archives.
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("io.selkie");
    // A module that the importer missed would pass every rule.
    for (String module : SourceTree.MODULES) {
      String packageName = "io.selkie." + module;
      if (!classes.containPackage(packageName)) {
        throw new AssertionError("no classes of " + packageName + " on the class path");
      }
    }
    return classes;
  }
}
