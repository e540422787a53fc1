package io.selkie.test.fire;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaProvider;
import io.selkie.test.fire.Board.Count;
import io.selkie.test.wire.Opaque;
import io.selkie.test.wire.RawNfs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/**
 * A client of {@link RegionFire}, in a process of its own: floods the region that it was told of
 * last until it is told of the next one. Each line that it reads is a grant: its number, key,
 * address and length.
 */
final class RegionClient {

  private static final int WAIT_SECONDS = 600;

  private RegionClient() {}

  /** What it must know, as words of a command line. */
  static List<String> words(
      Path board,
      int index,
      String provider,
      InetSocketAddress address,
      int queuePairs,
      long seed) {
    return List.of(
        board.toString(),
        Integer.toString(index),
        provider,
        address.getAddress().getHostAddress(),
        Integer.toString(address.getPort()),
        Integer.toString(queuePairs),
        Long.toString(seed));
  }

  /** Runs one, until there is nothing more to read. */
  public static void main(String[] arguments) throws Exception {
    int index = Integer.parseInt(arguments[1]);
    InetSocketAddress address = new InetSocketAddress(arguments[3], Integer.parseInt(arguments[4]));
    SplittableRandom random = new SplittableRandom(Long.parseLong(arguments[6]));
    try (Board board = Board.open(Path.of(arguments[0]));
        RdmaProvider provider = FireClient.provider(arguments[2], address.getAddress());
        ProtectionDomain domain = provider.allocateProtectionDomain("client " + index);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8))) {
      board.add(Count.SESSIONS);
      List<Flood> floods = new ArrayList<>();
      for (int i = 0; i < Integer.parseInt(arguments[5]); i++) {
        floods.add(
            new Flood(
                board,
                provider,
                domain,
                address,
                ByteBuffer.allocate(4).putInt(0, index),
                random.split(),
                NanoClock.system(),
                System.out::println));
      }
      Round round = null;
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        end(round);
        round = round(line, index, floods.size());
        for (Flood flood : floods) {
          flood.begin(round);
        }
        boolean placed = round.placed().get(WAIT_SECONDS, TimeUnit.SECONDS);
        System.out.println((placed ? "placed " : "nothing placed ") + round.grant());
      }
      end(round);
      floods.forEach(Flood::close);
    }
  }

  private static void end(Round round) throws IOException, InterruptedException {
    if (round != null) {
      round.end();
      if (!round.idle().await(WAIT_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException("writes of grant " + round.grant() + " do not end");
      }
    }
  }

  static String line(int grant, int key, long address, long length) {
    return "%d %d %d %d".formatted(grant, key, address, length);
  }

  private static Round round(String line, int index, int floods) {
    String[] words = line.split(" ", -1);
    RawNfs.Extent extent =
        new RawNfs.Extent(
            new Opaque(new byte[16]),
            0,
            Integer.parseInt(words[1]),
            Long.parseLong(words[3]),
            Long.parseLong(words[2]),
            0);
    return new Round(index, Integer.parseInt(words[0]), List.of(extent), floods);
  }
}
