package io.selkie.test.fire;

import io.selkie.config.time.NanoClock;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** One of those who take files away from the clients, in ways that are drawn. */
final class Attack {

  enum Strike {
    /** Another process opens the file for writing. */
    OPEN,
    /** The same, and cuts it. */
    OPEN_AND_CUT,
    /** An administrator asks for the file's layouts. */
    RECALL,
    /** An administrator takes them. */
    FENCE,
    /** An administrator takes all layouts there are. */
    FENCE_ALL,
    /** Another NFS client cuts the file. */
    SETATTR
  }

  private static final int NFS4ERR_DELAY = 10008;
  private static final int DELAYS_MAX = 10_000;
  private static final long PATIENCE_SECONDS = 120;

  private final Ground ground;
  private final List<Strike> strikes;
  private final List<Strike> next = new ArrayList<>();
  private final List<Witness.Act> acts;
  private final List<Witness> witnesses;
  private final Board board;
  private final Ctl ctl;
  private final ServerProcess server;
  private final SplittableRandom random;
  private final int fileBytes;
  private final NanoClock clock;
  private final Consumer<String> violations;
  private final Map<Strike, Integer> counts;
  private RawNfs nfs;

  Attack(
      Ground ground,
      List<Witness> witnesses,
      Board board,
      Ctl ctl,
      ServerProcess server,
      SplittableRandom random,
      int fileBytes,
      NanoClock clock,
      Map<Strike, Integer> counts,
      Consumer<String> violations) {
    this.ground = ground;
    this.strikes = List.copyOf(ground.strikes());
    this.acts = List.copyOf(ground.acts());
    this.witnesses = witnesses;
    this.board = board;
    this.ctl = ctl;
    this.server = server;
    this.random = random;
    this.fileBytes = fileBytes;
    this.clock = clock;
    this.counts = counts;
    this.violations = violations;
  }

  void until(BooleanSupplier over) throws IOException, InterruptedException {
    try {
      while (!over.getAsBoolean()) {
        Witness witness = witnesses.get(random.nextInt(witnesses.size()));
        if (witness.lock.tryLock()) {
          try {
            strike(witness);
          } finally {
            witness.lock.unlock();
          }
        }
        FireClient.pause(random.nextInt(1, 150));
      }
    } finally {
      if (nfs != null) {
        nfs.close();
      }
    }
  }

  /**
   * Each kind once, in an order that is drawn, and then again: on a slow machine none is left out.
   */
  private Strike draw() {
    if (next.isEmpty()) {
      next.addAll(strikes);
    }
    return next.remove(random.nextInt(next.size()));
  }

  private void strike(Witness witness) throws IOException, InterruptedException {
    Strike strike = draw();
    int before = board.grants();
    switch (strike) {
      case OPEN -> takeOver(witness, false);
      case OPEN_AND_CUT -> takeOver(witness, true);
      case RECALL, FENCE -> {
        ctl.command(
            Map.ofEntries(
                Map.entry("command", strike == Strike.FENCE ? "fence" : "recall"),
                ground.named(witness)));
        board.setOver(witness.file(), before);
        takeOver(witness, false);
      }
      case FENCE_ALL -> {
        ctl.command(Map.of("command", "fence", "all", true));
        witnesses.forEach(one -> board.setOver(one.file(), before));
      }
      case SETATTR -> cutByNfs(witness);
    }
    counts.merge(strike, 1, Integer::sum);
  }

  private void takeOver(Witness witness, boolean cut) throws IOException, InterruptedException {
    long begin = clock.nanoTime();
    witness.takeOver(cut, acts.get(random.nextInt(acts.size())), random);
    long seconds = TimeUnit.NANOSECONDS.toSeconds(clock.nanoTime() - begin);
    if (seconds > PATIENCE_SECONDS) {
      violations.accept("a file was not to be had for " + seconds + " s");
    }
  }

  private void cutByNfs(Witness witness) throws IOException, InterruptedException {
    try {
      if (nfs == null) {
        nfs = RawNfs.connect(server.nfs(), "attacker " + random.nextLong());
      }
      byte[] handle = nfs.handleOf(server.exportName(), witness.path().getFileName().toString());
      witness.wasCut(setSize(handle, 0));
      int _ = setSize(handle, fileBytes);
    } catch (IOException e) {
      // Its lease may be over: it comes as somebody else the next time.
      System.out.println("the client that cuts files: " + e);
      if (nfs != null) {
        nfs.close();
        nfs = null;
      }
      // Whether the file is cut is not known.
      takeOver(witness, true);
    }
  }

  /** How many grants there had been when the request was sent that was carried out. */
  private int setSize(byte[] handle, long bytes) throws IOException, InterruptedException {
    for (int i = 0; i < DELAYS_MAX; i++) {
      int before = board.grants();
      int status = nfs.compound(Op.putFh(handle), Op.setSize(bytes)).status();
      if (status == 0) {
        return before;
      }
      if (status != NFS4ERR_DELAY) {
        throw new IOException("SETATTR: " + status);
      }
      FireClient.pause(random.nextInt(1, 20));
    }
    throw new IOException("SETATTR: NFS4ERR_DELAY for ever");
  }
}
