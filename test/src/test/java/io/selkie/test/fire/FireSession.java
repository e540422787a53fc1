package io.selkie.test.fire;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.layout.rdma.BindingData;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider;
import io.selkie.test.fire.Board.Count;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One NFS session of a client under fire and its queue pairs. Round after round it gets the layout
 * of a file and floods the file through all queue pairs. How a round ends is drawn: the layout is
 * returned when the last write is over, as it must be, or in the middle of writes; or not at all,
 * and the writes go on until the queue pairs break. Half of the sessions cannot be called back.
 */
final class FireSession implements AutoCloseable {

  private enum Ending {
    HONEST,
    RETURNED_UNDER_FIRE,
    DEAF
  }

  private static final int NFS4ERR_DELAY = 10008;
  private static final int NFS4ERR_BADLAYOUT = 10050;
  private static final int NFS4ERR_LAYOUTTRYLATER = 10058;
  private static final int NFS4ERR_LAYOUTUNAVAILABLE = 10059;
  private static final int NFS4ERR_RECALLCONFLICT = 10061;

  /** After so much silence a deaf client lets its queue pairs go. */
  private static final int DEAF_SECONDS = 3;

  private static final int SOCKET_MILLIS = 60_000;

  private final FireClient.Orders orders;
  private final Board board;
  private final SplittableRandom random;
  private final RawNfs nfs;
  private final boolean backChannel;
  private final ProtectionDomain domain;
  private final Consumer<String> says;
  private final List<Flood> floods = new ArrayList<>();
  private final Map<Integer, RawNfs.OpenFile> opened = new HashMap<>();

  private FireSession(
      FireClient.Orders orders,
      Board board,
      SplittableRandom random,
      RawNfs nfs,
      boolean backChannel,
      ProtectionDomain domain,
      Consumer<String> says) {
    this.orders = orders;
    this.board = board;
    this.random = random;
    this.nfs = nfs;
    this.backChannel = backChannel;
    this.domain = domain;
    this.says = says;
  }

  static FireSession open(
      FireClient.Orders orders,
      String owner,
      Board board,
      RdmaProvider provider,
      SplittableRandom random,
      NanoClock clock,
      Consumer<String> says)
      throws IOException {
    boolean backChannel = random.nextBoolean();
    RawNfs nfs =
        backChannel
            ? RawNfs.connectWithBackChannel(orders.nfs(), owner)
            : RawNfs.connect(orders.nfs(), owner);
    FireSession session =
        new FireSession(
            orders,
            board,
            random,
            nfs,
            backChannel,
            provider.allocateProtectionDomain(owner),
            says);
    try {
      for (int i = 0; i < orders.queuePairs(); i++) {
        session.floods.add(
            new Flood(
                board,
                provider,
                session.domain,
                orders.rdma(),
                BindingData.request(sessionOf(nfs), false),
                random.split(),
                clock,
                says));
      }
    } catch (RdmaException e) {
      session.close();
      throw new IOException("no memory for a flood", e);
    }
    return session;
  }

  private static SessionId4 sessionOf(RawNfs nfs) {
    ByteBuffer id = ByteBuffer.wrap(nfs.sessionId());
    return new SessionId4(id.getLong(), id.getLong());
  }

  /** Goes on for some rounds; whoever has the session then leaves it as it is. */
  void run() throws IOException, InterruptedException {
    int rounds = random.nextInt(5, 40);
    for (int i = 0; i < rounds && !board.isStopped(); i++) {
      round();
    }
  }

  private void round() throws IOException, InterruptedException {
    int file = random.nextInt(orders.files());
    RawNfs.OpenFile open = opened.get(file);
    if (open == null) {
      open = nfs.open(orders.export(), Fire.fileName(file));
      opened.put(file, open);
    }
    RawNfs.Layout layout = nfs.layoutGet(open, open.stateid(), Op.IOMODE_RW, 0, orders.fileBytes());
    List<RawNfs.Extent> extents =
        layout.extents().stream().filter(extent -> extent.key() != 0).toList();
    if (layout.status() != 0 || extents.isEmpty()) {
      refused(layout.status());
      return;
    }
    board.add(Count.GRANTS);
    Round round = new Round(file, board.drawGrant(file), extents, floods.size());
    says.accept("under fire: " + round.grant());
    Ending ending = Ending.values()[random.nextInt(Ending.values().length)];
    floods.forEach(flood -> flood.begin(round));
    try {
      awaitRecall(random.nextInt(5, 250));
      switch (ending) {
        case HONEST -> {
          round.end();
          awaitIdle(round);
          giveBack(open, layout, round);
          board.add(Count.RETURNS);
        }
        case RETURNED_UNDER_FIRE -> {
          giveBack(open, layout, round);
          board.add(Count.RETURNS_UNDER_FIRE);
          boolean _ = round.idle().await(random.nextInt(1, 200), TimeUnit.MILLISECONDS);
        }
        case DEAF -> {
          boolean _ = round.idle().await(DEAF_SECONDS, TimeUnit.SECONDS);
        }
      }
    } finally {
      round.end();
      awaitIdle(round);
    }
  }

  private void refused(int status) throws IOException, InterruptedException {
    board.add(Count.GRANTS_REFUSED);
    switch (status) {
      // The file may just be empty, or open elsewhere.
      case 0,
          NFS4ERR_DELAY,
          NFS4ERR_BADLAYOUT,
          NFS4ERR_LAYOUTTRYLATER,
          NFS4ERR_LAYOUTUNAVAILABLE,
          NFS4ERR_RECALLCONFLICT ->
          FireClient.pause(random.nextInt(1, 20));
      default -> throw new IOException("LAYOUTGET: " + status);
    }
  }

  /** Waits for a recall, or for as long as it likes to keep the layout. */
  private void awaitRecall(int millis) throws IOException, InterruptedException {
    if (!backChannel) {
      FireClient.pause(millis);
      return;
    }
    try {
      nfs.rpc().socket().setSoTimeout(millis);
      RawNfs.Recall _ = nfs.awaitRecall();
    } catch (SocketTimeoutException _) {
      // It goes back without being asked.
    } finally {
      nfs.rpc().socket().setSoTimeout(SOCKET_MILLIS);
    }
  }

  /** When the answer is there, so is the end of the grant, whatever its status. */
  private void giveBack(RawNfs.OpenFile open, RawNfs.Layout layout, Round round)
      throws IOException {
    RawNfs.Reply reply =
        nfs.compound(
            Op.putFh(open.handle().bytes()),
            Op.layoutReturn(layout.stateid().bytes(), Op.IOMODE_RW, 0, -1L));
    if (reply.status() == 0) {
      round.setReturned();
    }
  }

  private static void awaitIdle(Round round) throws IOException, InterruptedException {
    if (!round.idle().await(SOCKET_MILLIS, TimeUnit.MILLISECONDS)) {
      throw new IOException("writes of grant " + round.grant() + " do not end");
    }
  }

  @Override
  public void close() throws IOException {
    floods.forEach(Flood::close);
    domain.close();
    nfs.close();
  }
}
