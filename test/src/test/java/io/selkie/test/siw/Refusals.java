package io.selkie.test.siw;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.RdmaException;
import io.selkie.rdma.iwarp.IwarpConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Connections that are refused. */
final class Refusals {

  private Refusals() {}

  static void ofTheKernel(KernelPeer kernel) throws Exception {
    for (int revision = 1; revision <= 2; revision++) {
      try (JavaPeer java = new JavaPeer(IwarpConfig.DEFAULTS.withMpaRevision(revision))) {
        CompletableFuture<RdmaException> refused = new CompletableFuture<>();
        Thread.ofPlatform()
            .name("is refused")
            .start(() -> {
              try {
                var _ = java.connect(kernel.address(), SiwGuest.PORT, Connected.text("let me"));
                refused.completeExceptionally(new AssertionError("it was accepted"));
              } catch (RdmaException e) {
                refused.complete(e);
              } catch (InterruptedException | RuntimeException e) {
                refused.completeExceptionally(e);
              }
            });
        KernelPeer.Request request = kernel.request();
        assertThat(request.privateData()).isEqualTo(ByteBuffer.wrap(Connected.text("let me")));
        kernel.reject(request.endpoint(), Connected.text("not you"));
        RdmaException e = refused.get(KernelPeer.MILLIS, TimeUnit.MILLISECONDS);
        assertThat(e.reason()).as(e.getMessage()).isEqualTo(RdmaException.Reason.REFUSED);
        assertThat(e.peerPrivateData()).isEqualTo(ByteBuffer.wrap(Connected.text("not you")));
        kernel.close(request.endpoint());
      }
    }
  }

  static void ofOurs(KernelPeer kernel) throws IOException, InterruptedException {
    for (int revision = 1; revision <= 2; revision++) {
      kernel.set("mpa_version", revision);
      kernel.set("peer_to_peer", 0);
      kernel.set("mpa_crc_required", 0);
      try (JavaPeer java = new JavaPeer(IwarpConfig.DEFAULTS)) {
        int endpoint = kernel.resolve(java.listen(Connected.text("nor you"), true));
        kernel.queuePair(endpoint, kernel.domain());
        KernelPeer.Answer answer = kernel.connect(endpoint, Connected.text("and me"));
        assertThat(answer.accepted()).isFalse();
        assertThat(answer.privateData()).isEqualTo(ByteBuffer.wrap(Connected.text("nor you")));
        assertThat(java.awaitRequest()).isEqualTo(ByteBuffer.wrap(Connected.text("and me")));
        kernel.close(endpoint);
      }
    }
  }
}
