package io.selkie.test.structure;

import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;

/**
 * Goal: hold the rules of style that a formatter and a compiler do not know.
 *
 * <p>Method: what can be seen in a call is looked for in the compiled program, where neither a
 * comment nor a static import misleads; the rest is looked for in the text. Patterns are written so
 * that they do not match themselves.
 */
class TidyTest {

  private static final int LINES_MAX = 600;
  private static final int COLUMNS_MAX = 100;

  private static final JavaClasses PROGRAM = ProgramClasses.PROGRAM;

  @Test
  void nothingSleeps() {
    noClasses()
        .should()
        .accessTargetWhere(call(Thread.class, "sleep").or(call(TimeUnit.class, "sleep")))
        .because("work is driven by events, and tests must not wait for a sleeper")
        .check(PROGRAM);
  }

  @Test
  void onlyClocksReadTheTime() {
    noClasses()
        .that(areNoClocks())
        .should()
        .accessTargetWhere(
            call(System.class, "currentTimeMillis|nanoTime")
                .or(call(Instant.class, "now"))
                .or(call(Clock.class, "system.*|tick.*"))
                .or(call(InstantSource.class, "system")))
        .because("time is injected, so that tests and the simulator can set it")
        .check(PROGRAM);
  }

  @Test
  void chanceIsInjected() {
    noClasses()
        .should()
        .accessTargetWhere(
            call(Math.class, "random")
                .or(call(ThreadLocalRandom.class, "current"))
                .or(call(Random.class, "<init>")))
        .orShould()
        .callConstructor(SplittableRandom.class)
        .because("a seed must reproduce a run: take a RandomGenerator as a parameter")
        .check(PROGRAM);
  }

  @Test
  void staticFieldsAreFinal() {
    fields()
        .that()
        .areStatic()
        .and(DescribedPredicate.not(nameMatching("\\$.*")).as("are not of the compiler"))
        .should()
        .beFinal()
        .allowEmptyShould(true)
        .because("static mutable state is shared by every server and test in the process")
        .check(PROGRAM);
  }

  @Test
  void nothingIsLeftForLater() {
    Pattern marker = Pattern.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X)\\b");
    assertNoLines("markers of unfinished work", SourceTree.files(), marker.asPredicate());
  }

  @Test
  void linesAreShort() {
    assertNoLines(
        "lines longer than " + COLUMNS_MAX + " columns",
        SourceTree.javaFiles(),
        line -> line.codePointCount(0, line.length()) > COLUMNS_MAX);
  }

  @Test
  void filesAreShort() {
    assertThat(
            SourceTree.javaFiles().stream()
                .filter(file -> lines(file).count() > LINES_MAX)
                .map(TidyTest::relative))
        .as("sources of more than %d lines", LINES_MAX)
        .isEmpty();
  }

  @Test
  void publicTypesHaveJavadoc() throws IOException {
    var compiler = ToolProvider.getSystemJavaCompiler();
    try (var manager = compiler.getStandardFileManager(null, null, null)) {
      var sources = manager.getJavaFileObjectsFromPaths(SourceTree.mainJavaFiles());
      var task =
          (JavacTask) compiler.getTask(null, manager, null, List.of("-proc:none"), null, sources);
      var trees = DocTrees.instance(task);
      List<String> bare = new ArrayList<>();
      for (CompilationUnitTree unit : task.parse()) {
        new TreePathScanner<Void, Void>() {
          @Override
          public Void visitClass(ClassTree type, Void nothing) {
            if (type.getModifiers().getFlags().contains(Modifier.PUBLIC)
                && trees.getDocComment(getCurrentPath()) == null) {
              bare.add(
                  relative(Path.of(unit.getSourceFile().toUri())) + ": " + type.getSimpleName());
            }
            return super.visitClass(type, null);
          }
        }.scan(unit, null);
      }
      assertThat(bare).as("public types without Javadoc").isEmpty();
    }
  }

  @Test
  void nothingNamesAMachine() {
    assertNoLines("paths of a build machine", SourceTree.files(), machinePaths().asPredicate());
  }

  @Test
  void nothingNamesAPackageRegistry() {
    Pattern host =
        Pattern.compile(
            "\\b(repo\\d?|search)\\.maven\\.|\\bcentral\\.sonatype|\\boss\\.sonatype"
                + "|\\bregistry\\.(npmjs|yarnpkg)|\\b(deb|ftp|security|snapshot)\\.debian\\."
                + "|\\bpypi\\.|\\bpythonhosted\\.|\\bproxy\\.golang"
                + "|\\bcrates\\.io\\b|\\brubygems\\.");
    assertNoLines("hosts of package registries", SourceTree.files(), host.asPredicate());
  }

  /**
   * Where this very build happens must not be written down anywhere: its root, the main working
   * tree it may belong to, the folder around it unless that is a common one, and the user's home.
   */
  private static Pattern machinePaths() {
    List<String> folders = new ArrayList<>();
    Path root = SourceTree.root();
    Path around = root.getParent();
    if (root.getNameCount() > 1) {
      folders.add(Pattern.quote(root.toString()));
    }
    if (around != null && around.getNameCount() > 0 && !isCommon(around)) {
      folders.add(Pattern.quote(around + "/"));
    }
    SourceTree.git("rev-parse", "--path-format=absolute", "--git-common-dir")
        .map(folder -> Path.of(folder.strip()).getParent())
        .filter(tree -> tree.getNameCount() > 1)
        .ifPresent(tree -> folders.add(Pattern.quote(tree.toString())));
    folders.add("/home/\\w+/");
    folders.add(Pattern.quote("/ro" + "ot/"));
    // Only where a path starts: relative ones may well go through a folder of that name.
    return Pattern.compile("(?<![\\w.*{}$/-])(" + String.join("|", folders) + ")");
  }

  private static boolean isCommon(Path folder) {
    return folder.getNameCount() == 1
        && Stream.of("tmp", "usr", "opt", "var", "mnt", "srv", "home", "dev", "etc", "src")
            .anyMatch(name -> folder.endsWith(name));
  }

  /** A clock is a type that is called so, or that implements one that is. */
  private static DescribedPredicate<JavaClass> areNoClocks() {
    return DescribedPredicate.describe(
        "are no clocks",
        type ->
            Stream.of(
                    Stream.of(type),
                    type.getAllRawSuperclasses().stream(),
                    type.getAllRawInterfaces().stream())
                .flatMap(types -> types)
                .noneMatch(self ->
                    self.isEquivalentTo(InstantSource.class)
                        || self.getSimpleName().endsWith("Clock")));
  }

  /** Calls and method references alike, to the methods of a type whose names match. */
  private static DescribedPredicate<JavaAccess<?>> call(Class<?> type, String names) {
    return DescribedPredicate.describe(
        type.getSimpleName() + "." + names,
        access ->
            access.getTargetOwner().isEquivalentTo(type)
                && Pattern.matches(names, access.getTarget().getName()));
  }

  private static void assertNoLines(String what, List<Path> files, Predicate<String> banned) {
    List<String> found = new ArrayList<>();
    for (Path file : files) {
      List<String> lines = lines(file).toList();
      IntStream.range(0, lines.size())
          .filter(i -> banned.test(lines.get(i)))
          .forEach(i -> found.add(relative(file) + ":" + (i + 1) + ": " + lines.get(i).strip()));
    }
    assertThat(found).as(what).isEmpty();
  }

  private static Stream<String> lines(Path file) {
    return SourceTree.text(file).stream().flatMap(String::lines);
  }

  private static Path relative(Path file) {
    return SourceTree.root().relativize(file);
  }
}
