package io.selkie.lease;

/**
 * Somebody who has copies of descriptors and outlives this process. A lease belongs to the open
 * file description and ends with the last descriptor of it: so what is kept stays sealed when this
 * process is killed, until the keeper takes it that nobody who was granted something can reach the
 * storage any more (S5 where a layout names the storage, which no death of ours takes back).
 *
 * <p>Safe for use by several threads.
 */
public interface DescriptorKeeper {

  /** Keeps nothing. */
  DescriptorKeeper NONE =
      new DescriptorKeeper() {
        @Override
        public boolean keep(SealTarget target) {
          return false;
        }

        @Override
        public void letGo(SealTarget target) {}

        @Override
        public boolean isLeaving(SealTarget target) {
          return false;
        }
      };

  /**
   * Has a sealed file's description kept from now on. May block for some seconds; only a thread
   * that may block calls this.
   *
   * @param target not kept now
   * @return whether it is, and {@link #letGo} has to be called; if not, it was told why
   */
  boolean keep(SealTarget target);

  /** The seal was given up in good order: no copy is to be kept. Does not wait for that. */
  void letGo(SealTarget target);

  /**
   * Whether a copy of <em>another</em> description of the same file, one that was let go, may still
   * be open: as long as it is the kernel gives no exclusive lease on this one.
   */
  boolean isLeaving(SealTarget target);
}
