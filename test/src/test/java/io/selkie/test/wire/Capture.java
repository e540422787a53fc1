package io.selkie.test.wire;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Loopback traffic of some TCP ports, caught by dumpcap into a file.
 *
 * <p>Nothing is timed: it has begun when dumpcap says so, and it is complete when a token that was
 * sent last, over a connection of its own, has come out of dumpcap. That dumpcap lost no packet is
 * checked at the end.
 */
final class Capture implements AutoCloseable {

  private static final String TOKEN = "selkie-capture-ends-here";
  private static final Pattern DROPPED = Pattern.compile("received/dropped on .*: (\\d+)/(\\d+)");
  private static final int TIMEOUT_SECONDS = 60;

  private final Process dumpcap;
  private final ServerSocket marker;
  private final CompletableFuture<Void> tokenSeen = new CompletableFuture<>();
  private final CompletableFuture<String> report = new CompletableFuture<>();
  private final Thread pump;
  private final Path file;

  private Capture(Process dumpcap, ServerSocket marker, Path file) {
    this.dumpcap = dumpcap;
    this.marker = marker;
    this.file = file;
    this.pump = Thread.ofPlatform().daemon().name("capture").start(this::pump);
  }

  /**
   * Begins to catch.
   *
   * @param file where the packets go
   */
  static Capture of(Path file, List<Integer> ports) throws Exception {
    ServerSocket marker = new ServerSocket(0, 4, InetAddress.getLoopbackAddress());
    StringBuilder filter = new StringBuilder("tcp port " + marker.getLocalPort());
    ports.forEach(port -> filter.append(" or tcp port ").append(port));
    Process dumpcap =
        new ProcessBuilder(
                "dumpcap", "-i", "lo", "-P", "-B", "256", "-f", filter.toString(), "-w", "-")
            .start();
    Capture capture = new Capture(dumpcap, marker, file);
    CompletableFuture<Void> begun = new CompletableFuture<>();
    Thread.ofPlatform().daemon().name("dumpcap").start(() -> capture.readReport(begun));
    begun.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    return capture;
  }

  /** Ends it and returns the file, complete. */
  Path finish() throws Exception {
    try (Socket sender = new Socket(InetAddress.getLoopbackAddress(), marker.getLocalPort());
        Socket receiver = marker.accept()) {
      sender.getOutputStream().write(TOKEN.getBytes(US_ASCII));
      sender.getOutputStream().flush();
      receiver.getInputStream().readNBytes(TOKEN.length());
      tokenSeen.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }
    // By its handle: Process.destroy would close the very streams that tell the rest.
    dumpcap.toHandle().destroy();
    pump.join(TimeUnit.SECONDS.toMillis(TIMEOUT_SECONDS));
    String said = report.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    Matcher dropped = DROPPED.matcher(said);
    if (!dropped.find() || !dropped.group(2).equals("0")) {
      throw new IOException("dumpcap lost packets or did not say: " + said);
    }
    return file;
  }

  /** A display filter that leaves out the connection that carried the token. */
  String filter() {
    return "!(tcp.port == " + marker.getLocalPort() + ")";
  }

  @Override
  public void close() throws IOException {
    dumpcap.destroyForcibly();
    marker.close();
  }

  private void pump() {
    byte[] chunk = new byte[1 << 16];
    byte[] token = TOKEN.getBytes(US_ASCII);
    byte[] tail = new byte[0];
    try (InputStream in = dumpcap.getInputStream();
        OutputStream out = Files.newOutputStream(file)) {
      for (int length = in.read(chunk); length >= 0; length = in.read(chunk)) {
        out.write(chunk, 0, length);
        String window = new String(tail, US_ASCII) + new String(chunk, 0, length, US_ASCII);
        if (window.contains(TOKEN)) {
          tokenSeen.complete(null);
        }
        int keep = Math.min(window.length(), token.length - 1);
        tail = window.substring(window.length() - keep).getBytes(US_ASCII);
      }
    } catch (IOException e) {
      tokenSeen.completeExceptionally(e);
    }
  }

  private void readReport(CompletableFuture<Void> begun) {
    StringBuilder said = new StringBuilder();
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(dumpcap.getErrorStream(), UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        said.append(line).append('\n');
        // "Capturing on", which comes before it, is said before the interface is open.
        if (line.startsWith("File: ")) {
          begun.complete(null);
        }
      }
    } catch (IOException e) {
      said.append(e);
    }
    begun.completeExceptionally(new IOException("dumpcap did not start: " + said));
    report.complete(said.toString());
  }
}
