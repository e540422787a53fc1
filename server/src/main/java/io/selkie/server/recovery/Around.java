package io.selkie.server.recovery;

import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.nio.ByteBuffer;

/** An operation with something done before it. */
abstract class Around implements Operation {

  /** The operation itself. */
  protected final Operation operation;

  Around(Operation operation) {
    this.operation = operation;
  }

  @Override
  public final int opcode() {
    return operation.opcode();
  }

  @Override
  public final Cost cost() {
    return operation.cost();
  }

  @Override
  public final Position position() {
    return operation.position();
  }

  @Override
  public final boolean givesBack() {
    return operation.givesBack();
  }

  @Override
  public final boolean closes() {
    return operation.closes();
  }

  @Override
  public final boolean followsGivingBack(CompoundContext c) {
    return operation.followsGivingBack(c);
  }

  @Override
  public final boolean waitsForDisk(ByteBuffer request, int at) {
    return operation.waitsForDisk(request, at);
  }

  @Override
  public final int replyBytesMax() {
    return operation.replyBytesMax();
  }
}
