package io.selkie.test.simulation;

import static io.selkie.test.simulation.SimWorld.SECOND;

import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutHandle;
import io.selkie.layout.LayoutType;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer;
import io.selkie.lease.Sealer.Preparation;
import io.selkie.posix.LeaseType;
import io.selkie.protocol.nfs4.DeviceId4;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Puts what is wrong on purpose where the modules meet. */
final class Mutants {
  private Mutants() {}

  static Timers timers(Mutant mutant, SimWorld world) {
    return switch (mutant) {
      case DEADLINES_NEVER_COME ->
          (delay, task) -> world.schedule(delay > 4 * SECOND ? Long.MAX_VALUE >> 1 : delay, task);
      default -> world;
    };
  }

  static Sealer sealer(Mutant mutant, Sealer real, SimKernel kernel) {
    return switch (mutant) {
      case LEASE_IS_NOT_KEPT, HOLES_ARE_TAKEN_FOR_DATA, DESCRIPTIONS_LEAK ->
          new Wrapped(mutant, real, kernel);
      default -> real;
    };
  }

  private record Wrapped(Mutant mutant, Sealer real, SimKernel kernel) implements Sealer {
    @Override
    public SealOutcome seal(
        SealTarget target,
        Purpose purpose,
        ByteRange range,
        Preparation preparation,
        SealListener listener) {
      if (mutant == Mutant.DESCRIPTIONS_LEAK) {
        target.retain();
      }
      return spoiled(real.seal(target, purpose, range, preparation, listener));
    }

    @Override
    public LeaseOutcome hold(SealTarget target, SealListener listener) {
      LeaseOutcome outcome = real.hold(target, listener);
      if (mutant == Mutant.LEASE_IS_NOT_KEPT && outcome instanceof LeaseOutcome.Leased leased) {
        kernel.setLease(leased.seal().target().fd(), LeaseType.NONE);
      }
      return outcome;
    }

    @Override
    public SealOutcome extend(
        Seal seal, Purpose purpose, ByteRange range, Preparation preparation) {
      return spoiled(real.extend(seal, purpose, range, preparation));
    }

    private SealOutcome spoiled(SealOutcome outcome) {
      if (!(outcome instanceof SealOutcome.Sealed sealed)) {
        return outcome;
      }
      if (mutant == Mutant.LEASE_IS_NOT_KEPT) {
        kernel.setLease(sealed.seal().target().fd(), LeaseType.NONE);
      }
      if (mutant != Mutant.HOLES_ARE_TAKEN_FOR_DATA) {
        return outcome;
      }
      BlockMap map = sealed.map();
      ByteRange range = map.range();
      Extent all = new Extent(range.offset(), 1 << 20, range.length(), 0);
      return new SealOutcome.Sealed(sealed.seal(), new BlockMap(map.device(), range, List.of(all)));
    }
  }

  static LayoutType layoutType(Mutant mutant, LayoutType real) {
    return switch (mutant) {
      case HANDLES_ARE_NOT_TAKEN_BACK, SLOW_PEERS_ARE_NEVER_BROKEN_OFF ->
          new WrappedType(mutant, real);
      default -> real;
    };
  }

  private record WrappedHandle(Mutant mutant, LayoutHandle real) implements LayoutHandle {
    @Override
    public CompletionStage<Void> invalidate() {
      return mutant == Mutant.HANDLES_ARE_NOT_TAKEN_BACK
          ? CompletableFuture.completedFuture(null)
          : real.invalidate();
    }

    @Override
    public void abort() {
      if (mutant != Mutant.SLOW_PEERS_ARE_NEVER_BROKEN_OFF) {
        real.abort();
      }
    }
  }

  private record WrappedType(Mutant mutant, LayoutType real) implements LayoutType {
    @Override
    public int number() {
      return real.number();
    }

    @Override
    public Optional<ByteBuffer> deviceAddress(
        DeviceId4 deviceId, long clientId, String arrivedAtHost) {
      return real.deviceAddress(deviceId, clientId, arrivedAtHost);
    }

    @Override
    public List<PlannedPart> plan(BlockMap map, boolean exact, int ioMode, int partsMax) {
      return real.plan(map, exact, ioMode, partsMax);
    }

    @Override
    public boolean isGone(long clientId) {
      return real.isGone(clientId);
    }

    @Override
    public int bodyBytes(int parts) {
      return real.bodyBytes(parts);
    }

    @Override
    public LayoutHandle open(long clientId, Seal seal, PlannedPart part, int ioMode)
        throws LayoutTypeException {
      return new WrappedHandle(mutant, real.open(clientId, seal, part, ioMode));
    }

    @Override
    public ByteBuffer encode(List<PlannedPart> parts, List<LayoutHandle> handles, int ioMode) {
      return real.encode(
          parts,
          handles.stream()
              .map(handle -> handle instanceof WrappedHandle wrapped ? wrapped.real : handle)
              .toList(),
          ioMode);
    }

    @Override
    public int checkUpdate(ByteBuffer body, List<ByteRange> held) {
      return real.checkUpdate(body, held);
    }

    @Override
    public int checkReturn(ByteBuffer body) {
      return real.checkReturn(body);
    }

    @Override
    public void clientGone(long clientId) {
      real.clientGone(clientId);
    }
  }
}
