package io.selkie.lease.doctor;

import io.selkie.lease.doctor.Finding.Subject;
import java.util.List;
import java.util.Optional;

/**
 * All that was found out about a path.
 *
 * @param path as it was given
 * @param findings in the order of {@link Subject}; a subject may have several, one for each device
 * @param offer what a server would offer here
 * @param reasons why the offer is not better; empty when it is the best
 */
public record Diagnosis(String path, List<Finding> findings, Offer offer, List<String> reasons) {

  /** Copies the lists. */
  public Diagnosis {
    findings = List.copyOf(findings);
    reasons = List.copyOf(reasons);
  }

  /** What a server offers its clients. */
  public enum Offer {
    /** Direct reads and writes of the storage itself. */
    DIRECT_TO_STORAGE("direct reads and writes of the storage itself (DAX)"),
    /** Direct reads and writes through the page cache. */
    DIRECT("direct reads and writes through the page cache"),
    /** Direct reads only. */
    DIRECT_READ_ONLY("direct reads"),
    /** No layouts. */
    NFS_ONLY("NFS without layouts"),
    /** Nothing: the server would not start, or the path cannot be exported. */
    NOTHING("nothing");

    private final String label;

    Offer(String label) {
      this.label = label;
    }

    /** For people. */
    public String label() {
      return label;
    }
  }

  /** The first finding about a subject. */
  public Optional<Finding> find(Subject subject) {
    return findings.stream().filter(finding -> finding.subject() == subject).findFirst();
  }
}
