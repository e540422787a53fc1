package io.selkie.server.ops;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.ops.attr.SetTime;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.util.function.IntSupplier;

/** Sets attributes of one file for one operation, and keeps account of what was set. */
final class AttrSetter {

  private final FileServices services;
  private final VfsFile file;
  private final CompoundContext c;
  private final Bitmap4 done = new Bitmap4();

  AttrSetter(FileServices services, VfsFile file, CompoundContext c) {
    this.services = services;
    this.file = file;
    this.c = c;
  }

  /** What was set. */
  Bitmap4 done() {
    return done;
  }

  /**
   * Sets the size, with the arbiter's leave for what lies behind it. That it is asked for growing
   * too costs layouts of memory nothing, as none reaches behind the end, and closes the gap between
   * looking at the old size and setting the new one. Layouts of blocks it takes back.
   */
  int setSize(OpenFile target, long size) {
    ChangePermit permit =
        Leave.ask(
            services,
            c,
            target.identity(),
            FileChange.SHRINK,
            new ByteRange(size, Long.MAX_VALUE - size));
    if (!(permit instanceof ChangePermit.Granted granted)) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    int status;
    try (granted) {
      status = services.fs().setSize(target, size);
    }
    if (status == NfsStat4.NFS4_OK) {
      status = services.fs().commit(target);
      done.set(FileAttributes.FATTR4_SIZE);
    }
    return status;
  }

  /** Sets everything but the size; ends with the first error. */
  int setOthers(SetAttrs attrs) {
    int status = NfsStat4.NFS4_OK;
    if (attrs.hasOwnership() || attrs.hasMode() || attrs.hasAcl()) {
      status = setAccess(attrs);
    }
    if (status == NfsStat4.NFS4_OK && attrs.hasTimes()) {
      status = setTimes(attrs);
    }
    mark(
        status == NfsStat4.NFS4_OK && attrs.mask().isSet(FileAttributes.FATTR4_LAYOUT_HINT),
        FileAttributes.FATTR4_LAYOUT_HINT);
    return status;
  }

  /** Holders of delegations of other clients are asked: they show the times as they know them. */
  private int setTimes(SetAttrs attrs) {
    int may = Rights.maySetTimes(services, file, attrs);
    if (may != NfsStat4.NFS4_OK) {
      return may;
    }
    ChangePermit permit =
        Leave.ask(services, c, file.identity(), FileChange.METADATA, Descriptions.WHOLE_FILE);
    if (!(permit instanceof ChangePermit.Granted granted)) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    int status;
    try (granted) {
      SetTime access = attrs.accessTime();
      SetTime modify = attrs.modifyTime();
      status =
          services
              .fs()
              .setTimes(
                  file,
                  access == null ? 0 : access.seconds(),
                  access == null ? FileStatus.UTIME_OMIT : access.nanos(),
                  modify == null ? 0 : modify.seconds(),
                  modify == null ? FileStatus.UTIME_OMIT : modify.nanos());
      if (status == NfsStat4.NFS4_OK) {
        mark(access != null, FileAttributes.FATTR4_TIME_ACCESS_SET);
        mark(modify != null, FileAttributes.FATTR4_TIME_MODIFY_SET);
      }
    }
    return status;
  }

  /** Holders of layouts are fenced before somebody's rights change. */
  private int setAccess(SetAttrs attrs) {
    int may = Rights.mayGovern(services, file);
    if (may != NfsStat4.NFS4_OK) {
      return may;
    }
    if (!attrs.hasMode()) {
      return setAccessByLeave(attrs);
    }
    FileStatus current = new FileStatus();
    int status = services.status(file, current);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    if (!current.isRegular()
        || !FileStatus.losesBitsWhenWritten(attrs.mode(current.permissions()))) {
      return setAccessByLeave(attrs);
    }
    // Who sets these bits and writes under a delegation would not see that the write takes them
    // away.
    ChangePermit permit = Leave.askAllHolders(services, c, file.identity());
    if (!(permit instanceof ChangePermit.Granted granted)) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    try (granted) {
      return setAccessByLeave(attrs);
    }
  }

  private int setAccessByLeave(SetAttrs attrs) {
    ChangePermit permit =
        Leave.ask(services, c, file.identity(), FileChange.ACCESS_CHANGE, Descriptions.WHOLE_FILE);
    if (!(permit instanceof ChangePermit.Granted granted)) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    try (granted) {
      // Giving a file away clears the bits of set-user-id, so the mode comes after it.
      int status =
          setIf(attrs.hasOwnership(), () -> services.fs().setOwner(file, attrs.uid(), attrs.gid()));
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      mark(attrs.uid() != -1, FileAttributes.FATTR4_OWNER);
      mark(attrs.gid() != -1, FileAttributes.FATTR4_OWNER_GROUP);
      if (attrs.hasMode()) {
        status = setMode(attrs);
        if (status != NfsStat4.NFS4_OK) {
          return status;
        }
      }
      // Last: it has the say over the permission bits, the mode over the three above them.
      return attrs.hasAcl() ? setAcl(attrs) : NfsStat4.NFS4_OK;
    }
  }

  private int setMode(SetAttrs attrs) {
    int now = 0;
    if (attrs.modeIsMasked()) {
      FileStatus current = new FileStatus();
      int status = services.status(file, current);
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      now = current.permissions();
    }
    int status = services.fs().setMode(file, attrs.mode(now));
    if (status == NfsStat4.NFS4_OK) {
      done.set(attrs.modeAttribute());
    }
    return status;
  }

  private int setAcl(SetAttrs attrs) {
    FileStatus current = new FileStatus();
    int status = services.status(file, current);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    FileAcls.Wanted wanted = FileAcls.wanted(attrs, current.isDirectory());
    status =
        wanted.status() != NfsStat4.NFS4_OK
            ? wanted.status()
            : FileAcls.write(services.fs().xattrs(), file, current.isDirectory(), wanted.acls());
    if (status == NfsStat4.NFS4_OK) {
      done.set(FileAttributes.FATTR4_ACL);
    }
    return status;
  }

  /**
   * Sets the attributes of a file just made, but for its size. The mode was set with the making,
   * and a default access control list of the directory may have had its say about it; so only the
   * bits above the permissions are set, which another owner may have cost. What cannot be set is
   * missing in {@link #done}.
   */
  void setNew(SetAttrs attrs, FileStatus made) {
    if (!made.isSymbolicLink()) {
      if (attrs.hasOwnership()) {
        int status = services.fs().setOwner(file, attrs.uid(), attrs.gid());
        mark(status == NfsStat4.NFS4_OK && attrs.uid() != -1, FileAttributes.FATTR4_OWNER);
        mark(status == NfsStat4.NFS4_OK && attrs.gid() != -1, FileAttributes.FATTR4_OWNER_GROUP);
      }
      if (attrs.hasAcl()) {
        FileAcls.Wanted wanted = FileAcls.wanted(attrs, made.isDirectory());
        if (wanted.status() == NfsStat4.NFS4_OK
            && FileAcls.write(services.fs().xattrs(), file, made.isDirectory(), wanted.acls())
                == NfsStat4.NFS4_OK) {
          done.set(FileAttributes.FATTR4_ACL);
        }
      }
    }
    if (attrs.hasMode() && keepsSpecialBits(attrs)) {
      done.set(attrs.modeAttribute());
    }
    if (attrs.hasTimes() && !made.isSymbolicLink()) {
      setTimes(attrs);
    }
    mark(attrs.mask().isSet(FileAttributes.FATTR4_LAYOUT_HINT), FileAttributes.FATTR4_LAYOUT_HINT);
  }

  private boolean keepsSpecialBits(SetAttrs attrs) {
    int special = attrs.mode(0) & 07000;
    if (special == 0) {
      return true;
    }
    FileStatus current = new FileStatus();
    if (services.status(file, current) != NfsStat4.NFS4_OK) {
      return false;
    }
    return (special & ~current.permissions()) == 0
        || (services.fs().setMode(file, current.permissions() | special) == NfsStat4.NFS4_OK
            && services.status(file, current) == NfsStat4.NFS4_OK
            && (special & ~current.permissions()) == 0);
  }

  private static int setIf(boolean wanted, IntSupplier action) {
    return wanted ? action.getAsInt() : NfsStat4.NFS4_OK;
  }

  private void mark(boolean set, int attribute) {
    if (set) {
      done.set(attribute);
    }
  }
}
