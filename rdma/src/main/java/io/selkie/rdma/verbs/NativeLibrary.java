package io.selkie.rdma.verbs;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import java.util.Optional;

/**
 * The native library: unpacked from our archive and loaded once for the process.
 *
 * <p>A build without the libraries' headers packs the reason instead of the library; so does a
 * machine without the libraries themselves have one.
 */
public final class NativeLibrary {

  private static final String NAME = "libselkieverbs";

  private NativeLibrary() {}

  // The virtual machine loads a library once, so the outcome is kept as long.
  private static final class Loaded {
    static final Optional<String> TROUBLE = load();
  }

  /** Why the library cannot be used here; empty when it can. Loads it at the first call. */
  public static Optional<String> trouble() {
    return Loaded.TROUBLE;
  }

  private static Optional<String> load() {
    String architecture =
        switch (System.getProperty("os.arch").toLowerCase(Locale.ROOT)) {
          case "amd64", "x86_64" -> "x86_64";
          case "aarch64", "arm64" -> "aarch_64";
          case String other -> other;
        };
    String resource = NAME + "-" + architecture + ".so";
    try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
      if (library == null) {
        return Optional.of("not built, because " + reason(architecture));
      }
      unpackAndLoad(library);
      return Optional.empty();
    } catch (IOException | RuntimeException e) {
      // Whatever it is, a server must start without it.
      return Optional.of("its native library cannot be unpacked: " + e.getMessage());
    } catch (UnsatisfiedLinkError e) {
      // Mostly libibverbs.so.1 or librdmacm.so.1, which the linker names.
      return Optional.of("its native library cannot be loaded: " + e.getMessage());
    }
  }

  private static String reason(String architecture) throws IOException {
    try (InputStream reason = NativeLibrary.class.getResourceAsStream(NAME + ".not-built")) {
      return reason == null
          ? "this archive holds no library for " + architecture
          : new String(reason.readAllBytes(), StandardCharsets.UTF_8).strip();
    }
  }

  @SuppressWarnings("restricted") // allowed by --enable-native-access, as for the other libraries
  private static void unpackAndLoad(InputStream library) throws IOException {
    Path folder =
        Files.createTempDirectory(
            "selkie-verbs",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path file = folder.resolve(NAME + ".so");
    try {
      Files.copy(library, file);
      System.load(file.toString());
    } finally {
      // Mapped by now: the name is needed no longer.
      Files.deleteIfExists(file);
      Files.deleteIfExists(folder);
    }
  }
}
