package io.selkie.server.diagnostics;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class DiagnosticsServerTest {

  private final List<Boolean> kept = new CopyOnWriteArrayList<>();
  private DiagnosticsServer server;

  @BeforeEach
  void start() throws IOException {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    server = new DiagnosticsServer(any, () -> Map.of("answer", 42), kept::add);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void echoAnswersEachRequestWithAReplyOfTheAskedSize() throws IOException {
    try (Socket socket = connect()) {
      DataOutputStream out = header(socket, DiagnosticsProtocol.ECHO, 64, 4096);
      DataInputStream in = new DataInputStream(socket.getInputStream());
      for (int i = 0; i < 3; i++) {
        out.write(new byte[64]);
        assertThat(in.readNBytes(4096)).hasSize(4096);
      }
    }
  }

  @Test
  void eventsAreSwitchedOffAndOn() throws IOException {
    try (Socket socket = connect()) {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      for (int on = 0; on < 2; on++) {
        header(socket, DiagnosticsProtocol.EVENTS, 0, on);
        assertThat(in.readInt()).isZero();
      }
    }
    assertThat(kept).containsExactly(false, true);
  }

  @Test
  void statsAreJsonAndMayBeAskedAgain() throws IOException {
    try (Socket socket = connect()) {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      for (int i = 0; i < 2; i++) {
        header(socket, DiagnosticsProtocol.STATS, 0, 0);
        JsonNode stats = new ObjectMapper().readTree(in.readNBytes(in.readInt()));
        assertThat(stats.get("answer").asInt()).isEqualTo(42);
        assertThat(stats.get("allocatedBytes").get("diagnostics-echo").asLong()).isPositive();
      }
    }
  }

  @Test
  void nonsenseIsClosed() throws IOException {
    try (Socket socket = connect()) {
      header(socket, 9, 1, 1);
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
    try (Socket socket = connect()) {
      header(socket, DiagnosticsProtocol.ECHO, Integer.MAX_VALUE, 1);
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void closeEndsConnections() throws IOException {
    try (Socket socket = connect()) {
      DataOutputStream out = header(socket, DiagnosticsProtocol.ECHO, 1, 1);
      out.write(1);
      assertThat(socket.getInputStream().read()).isZero();
      server.close();
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void threadsAreGroupedByWhatTheirNamesHaveInCommon() {
    assertThat(ThreadAllocations.group("nfs-worker-12")).isEqualTo("nfs-worker");
    assertThat(ThreadAllocations.group("main")).isEqualTo("main");
    assertThat(ThreadAllocations.group("17")).isEqualTo("17");
  }

  private Socket connect() throws IOException {
    return new Socket(server.address().getAddress(), server.address().getPort());
  }

  private static DataOutputStream header(Socket socket, int command, int request, int reply)
      throws IOException {
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    out.writeInt(DiagnosticsProtocol.MAGIC);
    out.writeInt(command);
    out.writeInt(request);
    out.writeInt(reply);
    return out;
  }
}
