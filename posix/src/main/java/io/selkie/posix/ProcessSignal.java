package io.selkie.posix;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;

/**
 * Signals that are sent to this process: SIGHUP, by which daemons have always been told to read
 * their configuration again, and SIGUSR1. The JVM would end the process instead. Its own way to
 * take a signal has no supported name, hence the reflection.
 */
public final class ProcessSignal {

  private ProcessSignal() {}

  /**
   * From now on a signal runs this and nothing else.
   *
   * @param name without SIG, such as HUP
   * @param action run on a thread of the JVM's for each signal; must not block
   * @return false when the JVM keeps the signal to itself, as with {@code -Xrs}
   */
  public static boolean handle(String name, Runnable action) {
    InvocationHandler call =
        (proxy, method, arguments) ->
            switch (method.getName()) {
              case "handle" -> {
                action.run();
                yield null;
              }
              case "equals" ->
                  System.identityHashCode(proxy) == System.identityHashCode(arguments[0]);
              case "hashCode" -> System.identityHashCode(proxy);
              default -> "SIG" + name;
            };
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object proxy =
          Proxy.newProxyInstance(
              ProcessSignal.class.getClassLoader(), new Class<?>[] {handler}, call);
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
      return true;
    } catch (ReflectiveOperationException _) {
      return false;
    }
  }
}
