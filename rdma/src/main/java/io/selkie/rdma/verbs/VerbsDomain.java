package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.impl.NatIbvPd;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider.Shortcoming;
import io.selkie.rdma.Registration;
import io.selkie.rdma.RemoteAccess;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A protection domain of the device, with its regions and queue pairs. */
final class VerbsDomain implements ProtectionDomain {

  private static final Logger LOG = LoggerFactory.getLogger(VerbsDomain.class);
  private static final int OWNER_CHARS_MAX = 128;

  /** Of keys for one region; with one in a thousand retired, a second draw is rare. */
  private static final int KEY_DRAWS_MAX = 16;

  private static final int EINVAL = 22;
  private static final int EAGAIN = 11;
  private static final int EFAULT = 14;
  private static final int ENOMEM = 12;
  private static final int EOPNOTSUPP = 95;

  private final VerbsProvider provider;
  private final String owner;
  private final IbvPd domain;
  private final Map<Integer, VerbsRegion> regions = new ConcurrentHashMap<>();
  private final Set<VerbsQueuePair> pairs = ConcurrentHashMap.newKeySet();
  private boolean closed;
  // What holds the device's domain: ourselves until the close, each region and each queue pair.
  private int holders = 1;

  VerbsDomain(VerbsProvider provider, String owner, IbvPd domain) {
    if (owner.length() > OWNER_CHARS_MAX) {
      throw new IllegalArgumentException(
          "owner of a protection domain has " + owner.length() + " characters; 128 are allowed");
    }
    this.provider = provider;
    this.owner = owner;
    this.domain = domain;
  }

  @Override
  public MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access)
      throws RdmaException {
    return register(memory, access, Registration.PLAIN);
  }

  @Override
  public MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access, Registration how)
      throws RdmaException {
    check(memory, access, how);
    if (!hold()) {
      throw closedException();
    }
    VerbsRegion region;
    boolean done = false;
    try {
      region = registerHeld(memory, access, how);
      done = true;
    } finally {
      if (!done) {
        letGo();
      }
    }
    regions.put(region.key(), region);
    if (isClosed()) {
      // Closed in between: close() may have passed by before the region was in the set.
      var _ = region.invalidate();
      throw closedException();
    }
    return region;
  }

  private VerbsRegion registerHeld(MemorySegment memory, Set<RemoteAccess> access, Registration how)
      throws RdmaException {
    // Only what is asked for: a shared file mapping can be registered for reading alone.
    boolean writable =
        !memory.isReadOnly() && (access.isEmpty() || access.contains(RemoteAccess.WRITE));
    int flags = writable ? NativeVerbs.ACCESS_LOCAL_WRITE : 0;
    if (access.contains(RemoteAccess.READ)) {
      flags |= NativeVerbs.ACCESS_REMOTE_READ;
    }
    if (access.contains(RemoteAccess.WRITE)) {
      flags |= NativeVerbs.ACCESS_REMOTE_WRITE;
    }
    if (access.contains(RemoteAccess.FLUSH)) {
      flags |= NativeVerbs.ACCESS_FLUSH_GLOBAL | NativeVerbs.ACCESS_FLUSH_PERSISTENT;
    }
    if (how == Registration.ON_DEMAND) {
      flags |= NativeVerbs.ACCESS_ON_DEMAND;
    }
    try {
      return made(memory, writable, flags);
    } catch (VerbsException e) {
      throw refused(memory, access, how, e);
    }
  }

  private VerbsRegion made(MemorySegment memory, boolean writable, int flags)
      throws VerbsException {
    for (int draws = 0; draws < KEY_DRAWS_MAX; draws++) {
      long handle =
          NativeVerbs.registerMemory(
              ((NatIbvPd) domain).getObjId(), memory.address(), memory.byteSize(), flags);
      VerbsRegion region = new VerbsRegion(this, handle, memory, writable);
      if (!provider.retiredKeys().has(region.key())) {
        return region;
      }
      discard(region);
    }
    throw new VerbsException(
        "ibv_reg_mr", EAGAIN, "each key it gives was taken back a short while ago");
  }

  /** As one that was in use: if the device does not forget it, it counts as alive. */
  private void discard(VerbsRegion region) {
    synchronized (this) {
      // Who registers holds the domain, so it is there.
      holders++;
    }
    regions.put(region.key(), region);
    var _ = region.invalidateHere();
  }

  private RdmaException refused(
      MemorySegment memory, Set<RemoteAccess> access, Registration how, VerbsException e) {
    String advice =
        switch (e.errno()) {
          case EINVAL ->
              access.contains(RemoteAccess.FLUSH)
                  ? "; only persistent memory can be flushed by peers: ask for that right on DAX"
                      + " mappings only"
                  : "";
          case EFAULT ->
              "; a shared mapping of an ordinary file cannot be registered for writing on this"
                  + " kernel: use the iwarp provider for it";
          case EOPNOTSUPP ->
              how == Registration.ON_DEMAND
                  ? ""
                  : "; a file on a DAX file system can be registered on demand only: take a device"
                      + " that proves itself at that, or the iwarp provider";
          case ENOMEM ->
              "; raise the limit on locked memory (ulimit -l, RLIMIT_MEMLOCK), or register less at"
                  + " a time: soft RoCE of Linux 6.18 takes a gigabyte at most";
          default -> "";
        };
    return new RdmaException(
        RdmaException.Reason.REGISTRATION,
        "device %s cannot register %d octets for %s %s: %s%s"
            .formatted(
                provider.device().name(),
                memory.byteSize(),
                owner,
                how.label(),
                e.getMessage(),
                advice),
        e);
  }

  private void check(MemorySegment memory, Set<RemoteAccess> access, Registration how)
      throws RdmaException {
    String trouble = null;
    if (!memory.isNative()) {
      trouble = "it is on the Java heap; use a native or mapped segment";
    } else if (memory.isReadOnly() && access.contains(RemoteAccess.WRITE)) {
      trouble = "remote writing was asked for, but the segment is read only";
    } else if (!memory.isAccessibleBy(provider.anotherThread())) {
      trouble = "it belongs to one thread; use a shared, automatic or global arena";
    } else if (memory.byteSize() == 0) {
      trouble = "it is empty";
    } else if (memory.byteSize() > provider.device().maxRegionBytes()) {
      trouble = "the device registers %d at most".formatted(provider.device().maxRegionBytes());
    } else if (how == Registration.ON_DEMAND && !provider.device().onDemand()) {
      trouble =
          "device %s, on this kernel, registers nothing on demand"
              .formatted(provider.device().name());
    } else if (access.contains(RemoteAccess.WRITE)
        && !access.contains(RemoteAccess.READ)
        && provider.shortcomings().contains(Shortcoming.READ_RIGHT_UNCHECKED)) {
      trouble =
          "device %s would let the peer read it, too; grant both rights, or take another device"
              .formatted(provider.device().name());
    } else if (access.contains(RemoteAccess.FLUSH) && !provider.device().flush()) {
      trouble = provider.noFlush();
    }
    if (trouble != null) {
      throw new RdmaException(
          RdmaException.Reason.REGISTRATION,
          "cannot register %d octets for %s: %s".formatted(memory.byteSize(), owner, trouble),
          null);
    }
  }

  private RdmaException closedException() {
    return new RdmaException(
        RdmaException.Reason.CLOSED, "the protection domain of " + owner + " is closed", null);
  }

  @Override
  public int liveRegions() {
    return regions.size();
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    abortAll("the protection domain of " + owner + " was closed");
    for (VerbsRegion region : regions.values()) {
      var _ = region.invalidate();
    }
    letGo();
  }

  void abortAll(String reason) {
    for (VerbsQueuePair pair : pairs) {
      pair.abort(reason);
    }
  }

  synchronized boolean isClosed() {
    return closed;
  }

  /** The region with a key, or null. */
  VerbsRegion byKey(int key) {
    return regions.get(key);
  }

  VerbsProvider provider() {
    return provider;
  }

  IbvPd handle() {
    return domain;
  }

  /** Takes a queue pair in; false when the domain is closed. */
  boolean join(VerbsQueuePair pair) {
    pairs.add(pair);
    if (isClosed()) {
      pairs.remove(pair);
      return false;
    }
    return true;
  }

  void leave(VerbsQueuePair pair) {
    pairs.remove(pair);
  }

  /** Called once, when the device has forgotten a region. */
  void retired(VerbsRegion region) {
    // The device may have given the key to another one already.
    regions.remove(region.key(), region);
    letGo();
  }

  /** Keeps the device's domain from being freed; false when this one is closed. */
  synchronized boolean hold() {
    if (closed) {
      return false;
    }
    holders++;
    return true;
  }

  /** The last one frees it. */
  void letGo() {
    synchronized (this) {
      holders--;
      if (holders > 0) {
        return;
      }
    }
    provider.tearDown(() -> {
      try {
        domain.deallocPd();
      } catch (Exception e) {
        LOG.warn("the end of the {} failed", this, e);
      }
      provider.forget(this);
    });
  }

  @Override
  public String toString() {
    return "protection domain of " + owner;
  }
}
