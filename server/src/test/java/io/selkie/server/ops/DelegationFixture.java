package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.READ;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.ops.DelegationPeer.Given;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** What tests of delegations begin with: a whole server, two clients, and a file with content. */
abstract class DelegationFixture {

  ServerFixture fixture;
  DelegationPeer one;
  DelegationPeer two;
  byte[] root;
  Path file;

  @BeforeEach
  void start() throws IOException {
    fixture = new ServerFixture(new LinuxKernel(), "", "{contentionMillis: 0}", recallMillis());
    one = new DelegationPeer(fixture.client("one"));
    two = new DelegationPeer(fixture.client("two"));
    root = one.calls.handleOf("data");
    file = Files.write(fixture.export().resolve("file"), "some content".getBytes(UTF_8));
  }

  /** layout.recallTimeoutMillis. */
  int recallMillis() throws IOException {
    return ServerFixture.longRecallMillis();
  }

  @AfterEach
  void stop() throws IOException {
    fixture.close();
  }

  /** What a client does that is told NFS4ERR_DELAY; asks again at once, since nothing is timed. */
  static <T> T insist(Supplier<T> call, Predicate<T> delayed) {
    while (true) {
      T answer = call.get();
      if (!delayed.test(answer)) {
        return answer;
      }
      Thread.onSpinWait();
    }
  }

  static Given insist(Supplier<Given> open) {
    return insist(open, given -> given.status().equals("NFS4ERR_DELAY"));
  }

  static String insistOn(Supplier<String> call) {
    return insist(call, status -> status.equals("NFS4ERR_DELAY"));
  }

  /** The first client's read delegation. */
  Given reader() {
    Given given = one.open(root, "file", READ);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    return given;
  }

  /** The first client's write delegation. */
  Given writer() {
    Given given = one.open(root, "file", BOTH);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    return given;
  }

  long delegations() {
    return fixture.server().arbiter().delegations().delegationCount();
  }
}
