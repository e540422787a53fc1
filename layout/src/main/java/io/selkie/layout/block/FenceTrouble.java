package io.selkie.layout.block;

/** Hears of fences that a disk did not carry out. Called by several threads; must not block. */
public interface FenceTrouble {

  /** A disk did not answer, or did not take a key away, and is asked again. */
  void attemptFailed();

  /** It was asked until the client must have stopped; the client is trusted to have (S3). */
  void gaveUp();

  /** For nobody. */
  FenceTrouble UNHEARD =
      new FenceTrouble() {
        @Override
        public void attemptFailed() {}

        @Override
        public void gaveUp() {}
      };
}
