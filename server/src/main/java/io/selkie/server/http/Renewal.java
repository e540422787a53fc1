package io.selkie.server.http;

import io.selkie.config.ConfigDifference.Change;
import java.util.List;

/**
 * Secrets whose files were read again and found to be in order.
 *
 * @param changes what differs from those in use; empty when nothing does
 * @param use takes them into use; cannot fail
 */
public record Renewal(List<Change> changes, Runnable use) {

  /** Nothing to renew. */
  public static final Renewal NONE = new Renewal(List.of(), () -> {});

  /** Copies the list. */
  public Renewal {
    changes = List.copyOf(changes);
  }
}
