package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.server.vfs.Export.HandleMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a directory is listed whole, once each, in any portions, while it changes. */
class DirectoryReaderTest {
  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private VfsFixture fixture;

  @BeforeEach
  void start() throws IOException {
    fixture = new VfsFixture(new LinuxKernel(), directory, HandleMode.KERNEL);
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  @Test
  void whatStaysIsListedOnceWhileOthersComeAndGo() throws IOException {
    Set<String> staying = new HashSet<>();
    for (int i = 0; i < 500; i++) {
      Files.createFile(fixture.exported.resolve("stays-" + i));
      Files.createFile(fixture.exported.resolve("goes-" + i));
      staying.add("stays-" + i);
    }
    VfsFile root = fixture.root();
    Set<String> seen = new HashSet<>();
    long cookie = 0;
    int round = 0;
    while (true) {
      Listing listing = new Listing(7);
      assertThat(fixture.vfs.readDirectory(root, cookie, round % 2 == 0, listing))
          .isEqualTo(NFS4_OK);
      for (String name : listing.names()) {
        assertThat(seen.add(name)).as("%s is listed once", name).isTrue();
      }
      if (listing.ended()) {
        break;
      }
      cookie = listing.lastCookie();
      // The very entry the cookie came from may go, too.
      if (listing.names().getLast().startsWith("goes-")) {
        Files.delete(fixture.exported.resolve(listing.names().getLast()));
      }
      if (round < 500) {
        Files.deleteIfExists(fixture.exported.resolve("goes-" + (499 - round)));
        Files.createFile(fixture.exported.resolve("new-" + round));
      }
      round++;
    }
    assertThat(seen).containsAll(staying).doesNotContain(".", "..");
    assertThat(round).isGreaterThan(70);
  }

  @Test
  void filesComeWithTheirAttributes() throws IOException {
    Files.write(fixture.exported.resolve("f"), new byte[42]);
    Listing listing = new Listing();

    fixture.vfs.readDirectory(fixture.root(), 0, true, listing);

    assertThat(listing.names()).containsExactly("f");
    assertThat(fixture.stat(listing.files().getFirst()).size()).isEqualTo(42);
    assertThat(fixture.vfs.fromHandle(listing.files().getFirst().handleBytes()).status())
        .isEqualTo(NFS4_OK);
  }

  @Test
  void cookiesThatAreNoneAreRefused() {
    for (long cookie : new long[] {1, 2}) {
      assertThat(fixture.vfs.readDirectory(fixture.root(), cookie, false, new Listing()))
          .isEqualTo(NFS4ERR_BAD_COOKIE);
    }
  }

  @Test
  void emptyDirectoryEndsAtOnce() {
    Listing listing = new Listing();
    assertThat(fixture.vfs.readDirectory(fixture.root(), 0, true, listing)).isEqualTo(NFS4_OK);
    assertThat(listing.ended()).isTrue();
    assertThat(listing.names()).isEmpty();
  }
}
