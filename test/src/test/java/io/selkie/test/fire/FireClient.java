package io.selkie.test.fire;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.rdma.verbs.VerbsConfig;
import io.selkie.rdma.verbs.VerbsProvider;
import io.selkie.test.fire.Board.Count;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A client under fire, mostly in a process of its own: session after session until the board says
 * stop or somebody kills it. It is no honest one; see {@link FireSession}.
 */
final class FireClient {

  /**
   * What a client must know.
   *
   * @param name no two processes have the same
   * @param provider {@code iwarp} or {@code verbs}
   */
  record Orders(
      Path board,
      String name,
      long seed,
      String provider,
      InetSocketAddress nfs,
      InetSocketAddress rdma,
      String export,
      int files,
      int fileBytes,
      int queuePairs) {

    List<String> words() {
      return List.of(
          board.toString(),
          name,
          Long.toString(seed),
          provider,
          nfs.getAddress().getHostAddress(),
          Integer.toString(nfs.getPort()),
          rdma.getAddress().getHostAddress(),
          Integer.toString(rdma.getPort()),
          export,
          Integer.toString(files),
          Integer.toString(fileBytes),
          Integer.toString(queuePairs));
    }

    static Orders of(String[] words) {
      return new Orders(
          Path.of(words[0]),
          words[1],
          Long.parseLong(words[2]),
          words[3],
          new InetSocketAddress(words[4], Integer.parseInt(words[5])),
          new InetSocketAddress(words[6], Integer.parseInt(words[7])),
          words[8],
          Integer.parseInt(words[9]),
          Integer.parseInt(words[10]),
          Integer.parseInt(words[11]));
    }
  }

  private FireClient() {}

  /** Runs one; says {@code under fire} when its first grant is there. */
  public static void main(String[] arguments) throws Exception {
    Orders orders = Orders.of(arguments);
    try (Board board = Board.open(orders.board)) {
      burn(orders, board, System.out::println);
    }
  }

  /**
   * Session after session until the board says stop.
   *
   * @param says hears of each grant, and what goes wrong
   */
  static void burn(Orders orders, Board board, Consumer<String> says)
      throws RdmaException, InterruptedException {
    SplittableRandom random = new SplittableRandom(orders.seed);
    try (RdmaProvider provider = provider(orders.provider, orders.rdma.getAddress())) {
      for (int number = 0; !board.isStopped(); number++) {
        String owner = orders.name + "." + number;
        try (FireSession session =
            FireSession.open(orders, owner, board, provider, random, NanoClock.system(), says)) {
          board.add(Count.SESSIONS);
          session.run();
        } catch (IOException e) {
          board.add(Count.SESSIONS_LOST);
          says.accept(owner + ": " + e);
          pause(random.nextInt(20, 100));
        }
      }
    }
  }

  static RdmaProvider provider(String name, InetAddress address) throws RdmaException {
    return switch (name) {
      case "iwarp" -> new IwarpProvider(IwarpConfig.DEFAULTS);
      case "verbs" -> VerbsProvider.open(VerbsConfig.DEFAULTS.withAddress(address));
      default -> throw new IllegalArgumentException("provider " + name);
    };
  }

  /** Lets time pass on purpose: there is no event that says that nothing happens. */
  static void pause(int millis) throws InterruptedException {
    boolean _ = new CountDownLatch(1).await(millis, TimeUnit.MILLISECONDS);
  }
}
