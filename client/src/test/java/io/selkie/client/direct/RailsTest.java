package io.selkie.client.direct;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ProviderChoice;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaCapabilities;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: memory that a device refuses keeps nothing else from it.
 *
 * <p>Method: the software provider, made to need registrations as a device does, and to refuse some
 * by their length.
 */
@Timeout(120)
class RailsTest {

  private static final long REFUSED_BYTES = 13;
  private static final long FATAL_BYTES = 17;

  private final IwarpProvider real = new IwarpProvider(IwarpConfig.DEFAULTS);
  private final AtomicInteger closedDomains = new AtomicInteger();
  private final Arena arena = Arena.ofShared();
  private final Rails rails = new Rails(ProviderChoice.AUTO, choosy(), "a test");

  @AfterEach
  void end() {
    rails.close();
    real.close();
    arena.close();
  }

  private RdmaProvider choosy() {
    return proxy(
        RdmaProvider.class,
        (method, arguments) ->
            switch (method.getName()) {
              case "capabilities" -> new RdmaCapabilities(1 << 20, 196, false, true, false, false);
              case "allocateProtectionDomain" ->
                  choosy(real.allocateProtectionDomain((String) arguments[0]));
              default -> call(real, method, arguments);
            });
  }

  private ProtectionDomain choosy(ProtectionDomain domain) {
    return proxy(
        ProtectionDomain.class,
        (method, arguments) -> {
          if (method.getName().equals("close")) {
            closedDomains.incrementAndGet();
          }
          if (method.getName().equals("register")) {
            long bytes = ((MemorySegment) arguments[0]).byteSize();
            if (bytes == REFUSED_BYTES) {
              throw new RdmaException(RdmaException.Reason.REGISTRATION, "not that", null);
            }
            if (bytes == FATAL_BYTES) {
              throw new IllegalStateException("a defect");
            }
          }
          return call(domain, method, arguments);
        });
  }

  private interface Calls {
    Object call(Method method, Object[] arguments) throws Throwable;
  }

  private static <T> T proxy(Class<T> type, Calls calls) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) ->
                switch (method.getName()) {
                  case "hashCode" -> System.identityHashCode(self);
                  case "equals" ->
                      System.identityHashCode(self) == System.identityHashCode(arguments[0]);
                  default -> calls.call(method, arguments);
                }));
  }

  private static Object call(Object target, Method method, Object[] arguments) throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private Rail rail() throws RdmaException {
    return rails.railFor(
        RdmaDeviceAddr4.IWARP, new InetSocketAddress(InetAddress.getLoopbackAddress(), 1));
  }

  @Test
  void memoryThatIsRefusedIsCopiedAndTheRestIsUsedInPlace() throws Exception {
    MemorySegment refused = arena.allocate(REFUSED_BYTES);
    MemorySegment taken = arena.allocate(4096);
    AutoCloseable before = rails.register(refused);
    AutoCloseable other = rails.register(taken);
    Rail rail = rail();
    assertThat(rail.memory().regionOf(refused)).isNull();
    assertThat(rail.memory().regionOf(taken)).isNotNull();
    AutoCloseable after = rails.register(refused);
    assertThat(rail()).isSameAs(rail);
    after.close();
    before.close();
    other.close();
    assertThat(rail.memory().regionOf(taken)).isNull();
  }

  @Test
  void railThatCannotBeMadeIsClosed() throws Exception {
    AutoCloseable fatal = rails.register(arena.allocate(FATAL_BYTES));
    assertThatThrownBy(this::rail).isInstanceOf(IllegalStateException.class);
    assertThat(closedDomains).hasValue(1);
    fatal.close();
    assertThat(rail().memory()).isNotNull();
  }
}
