package io.selkie.rdma.verbs;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;
import static org.junit.platform.launcher.EngineFilter.includeEngines;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs tests that need a device and says of each what came of it, one line each: {@code ok NAME
 * [TIME ms]} or {@code not ok NAME [TIME ms]: why}, and behind the latter where that was.
 *
 * <p>Arguments: classes, by their full name when of another package, or one test as {@code
 * CLASS#METHOD}.
 */
public final class RunOnDevice implements TestExecutionListener {

  private static final String PACKAGE = RunOnDevice.class.getPackageName();

  /** Of a class that runs several times, each time with something else. */
  private static final String INVOCATION = "class-template-invocation";

  private TestPlan plan;
  private final Map<String, Long> begun = new ConcurrentHashMap<>();
  private int failed;
  private int passed;

  private RunOnDevice() {}

  /** Ends with status 0 when there were tests and all passed. */
  public static void main(String[] arguments) {
    Launcher launcher = LauncherFactory.create();
    RunOnDevice listener = new RunOnDevice();
    DiscoverySelector[] selectors =
        Arrays.stream(arguments).map(RunOnDevice::selector).toArray(DiscoverySelector[]::new);
    // The engine of the property tests is on the class path too, and wants a database it may write.
    launcher.execute(
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectors)
            .filters(includeEngines("junit-jupiter"))
            .build(),
        listener);
    line("%d passed, %d failed".formatted(listener.passed, listener.failed));
    System.exit(listener.failed == 0 && listener.passed > 0 ? 0 : 1);
  }

  private static DiscoverySelector selector(String argument) {
    String name = argument.indexOf('.') < 0 ? PACKAGE + "." + argument : argument;
    return name.indexOf('#') < 0 ? selectClass(name) : selectMethod(name);
  }

  @Override
  public void testPlanExecutionStarted(TestPlan started) {
    plan = started;
  }

  /** With the argument of its class, if that has one. */
  private String name(TestIdentifier test) {
    Optional<TestIdentifier> parent = Optional.of(test);
    while (parent.isPresent()) {
      if (parent.get().getUniqueIdObject().getLastSegment().getType().equals(INVOCATION)) {
        return parent.get().getDisplayName() + ": " + test.getDisplayName();
      }
      parent = plan.getParent(parent.get());
    }
    return test.getDisplayName();
  }

  @Override
  public void executionStarted(TestIdentifier test) {
    begun.put(test.getUniqueId(), System.nanoTime());
  }

  private long millis(TestIdentifier test) {
    Long begin = begun.remove(test.getUniqueId());
    return begin == null ? 0 : TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    Throwable why = result.getThrowable().orElse(null);
    long millis = millis(test);
    if (why != null) {
      failed++;
      line("not ok %s [%d ms]: %s".formatted(name(test), millis, oneLine(why)));
      why.printStackTrace(System.out);
    } else if (test.isTest()) {
      passed++;
      line("ok %s [%d ms]".formatted(name(test), millis));
    }
  }

  /** In one piece: what the log says goes to the same file, and may not come in between. */
  private static void line(String text) {
    System.out.println(text);
  }

  private static String oneLine(Throwable why) {
    return String.valueOf(why).replaceAll("\\s+", " ");
  }
}
