package io.selkie.server.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.selkie.server.admin.AdminException.Code;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: an administrator is told what came of a command, also when nothing does. */
@Timeout(600)
class AdminCommandsTest {

  private static AdminCommands commands(CompletionStage<ReloadOutcome> reload) {
    ServerControl control =
        (ServerControl)
            Proxy.newProxyInstance(
                AdminCommandsTest.class.getClassLoader(),
                new Class<?>[] {ServerControl.class},
                (_, method, _) ->
                    switch (method.getName()) {
                      case "facts" -> SampleFacts.facts();
                      case "reload" -> reload;
                      default -> throw new UnsupportedOperationException(method.getName());
                    });
    AdminParts parts = new AdminParts(control, null, null, null, null, null, null, null, null);
    return new AdminCommands(parts, new AdminQueries(parts), 1);
  }

  private static AdminException failure(CompletionStage<ReloadOutcome> reload) {
    AdminCommands commands = commands(reload);
    return catchThrowableOfType(AdminException.class, () -> commands.reload(false));
  }

  @Test
  void reloadThatHangsIsNotWaitedForWithoutEnd() {
    AdminException told = failure(new CompletableFuture<>());
    assertThat(told.code()).isEqualTo(Code.FAILED);
    assertThat(told).hasMessageContaining("still being loaded");
  }

  @Test
  void reloadThatLeftAnExportHangingIsNotSaidToHaveChangedNothing() {
    AdminException told =
        failure(
            CompletableFuture.completedFuture(
                new ReloadOutcome.AppliedBut(List.of(), "one hangs")));
    assertThat(told.code()).isEqualTo(Code.FAILED);
    assertThat(told).hasMessage("applied, but one hangs");
  }
}
