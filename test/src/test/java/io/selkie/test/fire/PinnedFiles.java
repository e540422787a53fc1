package io.selkie.test.fire;

import static io.selkie.test.fire.LedCalls.desc;

import io.selkie.rdma.Registration;
import io.selkie.rdma.RemoteAccess;
import io.selkie.server.direct.RegistrationMatrix;
import io.selkie.server.direct.RegistrationMatrix.Storage;
import java.io.IOException;
import java.lang.constant.MethodTypeDesc;
import java.util.Optional;
import java.util.Set;

/**
 * A server that lets an RDMA device write to pinned pages of files, which kernels before 6.5 allow
 * and Selkie does not: the kernel would not learn of what is written and may lose it when the
 * machine fails. Until then it is all there, in pages that are marked when they are let go of, so
 * that a file system can be under fire on a device. See D59.
 */
public final class PinnedFiles {

  private PinnedFiles() {}

  /** Leads the one call to here that asks what is unsafe. */
  static void lead(LedCalls calls) throws IOException {
    calls.lead(
        RegistrationMatrix.class.getName(),
        desc(RegistrationMatrix.class),
        "unsafe",
        PinnedFiles.class,
        MethodTypeDesc.of(
            desc(Optional.class), desc(Storage.class), desc(Set.class), desc(Registration.class)));
  }

  /** In place of the server's own: nothing is. */
  public static Optional<String> unsafe(
      Storage storage, Set<RemoteAccess> access, Registration how) {
    return Optional.empty();
  }
}
