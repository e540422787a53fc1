package io.selkie.server.compound;

import java.nio.ByteBuffer;

/** An operation with something done before or after it, which is the same in all other respects. */
public abstract class Around implements Operation {

  /** The operation itself. */
  protected final Operation operation;

  /** Around an operation. */
  protected Around(Operation operation) {
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
  public final boolean needsPlaceOnly(ByteBuffer request, int at) {
    return operation.needsPlaceOnly(request, at);
  }

  @Override
  public final boolean waitsForDisk(ByteBuffer request, int at) {
    return operation.waitsForDisk(request, at);
  }

  @Override
  public final int replyBytesMax() {
    return operation.replyBytesMax();
  }

  @Override
  public final String name() {
    return operation.name();
  }
}
