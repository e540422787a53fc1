package io.selkie.test.fire;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Map;

/** Asks the server through its administrators' socket, without a process for each question. */
final class Ctl {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path socket;

  Ctl(Path socket) {
    this.socket = socket;
  }

  /** Returns when it is done; that there was nothing to do counts as done. */
  void command(Map<String, Object> request) throws IOException {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        BufferedReader answer =
            new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), UTF_8))) {
      ByteBuffer line = ByteBuffer.wrap((JSON.writeValueAsString(request) + "\n").getBytes(UTF_8));
      while (line.hasRemaining()) {
        channel.write(line);
      }
      while (true) {
        String text = answer.readLine();
        if (text == null) {
          throw new EOFException("no end of the answer to " + request);
        }
        JsonNode said = JSON.readTree(text);
        if (said.has("done")) {
          return;
        }
        if (said.has("error")) {
          if (said.path("error").path("code").asText().equals("not_found")) {
            return;
          }
          throw new IOException(request + ": " + text);
        }
      }
    }
  }
}
