package io.selkie.server.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.FileStatus;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.vfs.ChangeClock.Clocks;
import io.selkie.server.vfs.ChangeClock.Mark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a change attribute differs after every change and never goes back, come what may. */
class ChangeClockTest {
  private static final long SECOND = 1_000_000_000L;
  private static final long TICK = 4_000_000;
  private static final long COARSE = 20_000_000;

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final World world = new World();

  @Test
  void setBackClockDoesNotSetTheValueBack() {
    ChangeClock clock = world.start();
    world.change();
    long before = clock.of(world.file);
    world.wall -= 3600 * SECOND;
    long unchanged = clock.of(world.file);
    world.pass(1000);
    world.change();
    assertThat(unchanged).isGreaterThanOrEqualTo(before);
    assertThat(clock.of(world.file)).isGreaterThan(unchanged);
  }

  @Test
  void valueStandsStillWhileNothingHappens() {
    ChangeClock clock = world.start();
    world.change();
    long value = clock.of(world.file);
    world.pass(5 * 3600 * SECOND);
    assertThat(clock.of(world.file)).isEqualTo(value);
    assertThat(world.restart(clock).of(world.file)).isEqualTo(value);
  }

  @Test
  void readingTheClocksApartIsNoSettingBack() {
    ChangeClock clock = world.start();
    world.change();
    long value = clock.of(world.file);
    // The looks at the clocks take longer from now on, as when a thread is stopped in between.
    world.slowness = 3_000_000;
    assertThat(clock.of(world.file)).isEqualTo(value);
    assertThat(world.restart(clock).of(world.file)).isEqualTo(value);
  }

  @Test
  void aServerThatWasKilledGoesOnWithTheSameValues() {
    ChangeClock clock = world.start();
    world.change();
    long value = clock.of(world.file);
    world.pass(SECOND);
    assertThat(world.start().of(world.file)).isEqualTo(value);
  }

  @Test
  void clockThatWasSetBackWhileNoServerRanIsNoticed() {
    ChangeClock clock = world.start();
    world.change();
    long value = clock.of(world.file);
    world.wall -= 20 * SECOND;
    ChangeClock next = world.restart(clock);
    world.pass(1000);
    world.change();
    assertThat(next.of(world.file)).isGreaterThan(value);
  }

  @Test
  void machineThatForgotTheTimeOfDayIsNoticed() {
    ChangeClock clock = world.start();
    world.pass(600 * SECOND);
    world.change();
    long value = clock.of(world.file);
    world.reboot(100 * SECOND);
    ChangeClock next = world.start();
    world.pass(1000);
    world.change();
    assertThat(next.of(world.file)).isGreaterThan(value);
  }

  @Test
  void stampFromTheFutureDoesNotOutliveTheNextChange() {
    world.file.ctimeSec((world.wall + 7000 * SECOND) / SECOND);
    ChangeClock clock = world.start();
    long value = clock.of(world.file);
    world.pass(SECOND);
    assertThat(clock.of(world.file)).isEqualTo(value);
    world.change();
    assertThat(clock.of(world.file)).isGreaterThan(value);
  }

  @Test
  void changesOfOneTimerTickAreToldApart() {
    world.grain = TICK;
    ChangeClock clock = world.start();
    world.change();
    long first = clock.of(world.file);
    world.pass(1000);
    world.change();
    long second = clock.of(world.file);
    assertThat(second).isGreaterThan(first);
    world.pass(2 * COARSE);
    long settled = clock.of(world.file);
    world.pass(SECOND);
    assertThat(clock.of(world.file)).isEqualTo(settled).isGreaterThan(second);
  }

  @Property(tries = 300)
  void whateverTheClocksDoAChangeIsSeenAndNothingGoesBack(
      @ForAll long seed, @ForAll boolean coarse) {
    Random random = new Random(seed);
    World any = new World();
    any.grain = coarse ? TICK : 1;
    ChangeClock clock = any.start();
    any.change();
    long highest = clock.of(any.file);
    for (int i = 0; i < 300; i++) {
      any.pass(1 + (long) Math.exp(random.nextDouble() * 28));
      boolean changed = false;
      switch (random.nextInt(8)) {
        case 0 -> any.wall += (long) Math.exp(random.nextDouble() * 34);
        case 1 -> any.wall -= (long) Math.exp(random.nextDouble() * 34);
        case 2 -> clock = any.restart(clock);
        case 3 -> clock = any.start();
        case 4 -> {
          any.reboot(any.wall - (long) Math.exp(random.nextDouble() * 34));
          clock = any.start();
        }
        default -> {
          any.change();
          changed = true;
        }
      }
      any.pass(1);
      long value = clock.of(any.file);
      if (changed) {
        assertThat(value).isGreaterThan(highest);
      } else {
        assertThat(value).isGreaterThanOrEqualTo(highest);
      }
      highest = value;
    }
  }

  @Test
  void markOutlivesTheProcessAndATornSlot() throws IOException {
    LinuxKernel kernel = new LinuxKernel();
    int fd =
        kernel.openat2(-100, io.selkie.posix.Names.bytes(directory.toString()), 0x200000, 0, 0);
    Mark first = new Mark(1, 2, 3, 4, "some-boot", true);
    Mark second = new Mark(5, 6, 7, 8, "other-boot", false);
    try (ChangeClockFile file = ChangeClockFile.open(kernel, fd)) {
      assertThat(file.load()).isEmpty();
      file.store(first, true);
      file.store(second, true);
    }
    try (ChangeClockFile file = ChangeClockFile.open(kernel, fd)) {
      assertThat(file.load()).contains(second);
    }
    byte[] bytes = Files.readAllBytes(directory.resolve("change.clock"));
    bytes[17] ^= 1;
    Files.write(directory.resolve("change.clock"), bytes);
    try (ChangeClockFile file = ChangeClockFile.open(kernel, fd)) {
      assertThat(file.load()).contains(first);
    }
    kernel.close(fd);
  }

  @Test
  void everyLocalChangeOfARealFileIsSeen() throws IOException {
    try (VfsFixture fixture =
        new VfsFixture(new LinuxKernel(), directory, Export.HandleMode.KERNEL)) {
      Path path = Files.writeString(fixture.exported.resolve("f"), "");
      VfsFile file = fixture.lookup(fixture.root(), "f");
      long last = fixture.vfs.changeOf(fixture.stat(file));
      for (int i = 0; i < 200; i++) {
        Files.writeString(path, "x" + i);
        long value = fixture.vfs.changeOf(fixture.stat(file));
        assertThat(value).isGreaterThan(last);
        last = value;
      }
    }
  }

  /** A machine with one file on its disk. */
  private static final class World {
    private long wall = 1_700_000_000L * SECOND;
    private long monotonic = 50 * SECOND;
    private int boots = 1;
    private long grain = 1;
    private long slowness;
    private Optional<Mark> kept = Optional.empty();
    private final FileStatus file = new FileStatus();

    void pass(long nanos) {
      wall += nanos;
      monotonic += nanos;
    }

    void change() {
      long stamp = wall - wall % grain;
      file.ctimeSec(Math.floorDiv(stamp, SECOND)).ctimeNsec((int) Math.floorMod(stamp, SECOND));
    }

    void reboot(long newWall) {
      boots++;
      monotonic = SECOND;
      wall = newWall;
    }

    ChangeClock restart(ChangeClock old) {
      old.close();
      return start();
    }

    ChangeClock start() {
      ChangeClock clock =
          new ChangeClock(
              new Clocks(
                  () -> {
                    pass(slowness);
                    return Instant.ofEpochSecond(
                        Math.floorDiv(wall, SECOND), Math.floorMod(wall, SECOND));
                  },
                  () -> {
                    pass(slowness);
                    return monotonic;
                  },
                  "boot" + boots),
              new ChangeClock.Keeper() {
                @Override
                public Optional<Mark> load() {
                  return kept;
                }

                @Override
                public void store(Mark mark, boolean durable) {
                  kept = Optional.of(mark);
                }
              });
      clock.grain(0, grain > 1 ? COARSE : 0);
      return clock;
    }
  }
}
