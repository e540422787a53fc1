package io.selkie.server.vfs;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Names;
import java.util.ArrayList;
import java.util.List;

/** Collects what a directory holds, up to a number of entries. */
final class Listing implements DirectoryReader.Sink {
  private final int room;
  private final List<String> names = new ArrayList<>();
  private final List<VfsFile> files = new ArrayList<>();
  private final List<Long> cookies = new ArrayList<>();
  private boolean ended;

  Listing() {
    this(Integer.MAX_VALUE);
  }

  Listing(int room) {
    this.room = room;
  }

  List<String> names() {
    return names;
  }

  List<VfsFile> files() {
    return files;
  }

  long lastCookie() {
    return cookies.getLast();
  }

  boolean ended() {
    return ended;
  }

  @Override
  public boolean entry(long cookie, byte[] name, int outcome, VfsFile file, FileStatus status) {
    if (names.size() == room) {
      return false;
    }
    names.add(Names.text(name));
    files.add(file);
    cookies.add(cookie);
    return true;
  }

  @Override
  public void atEnd() {
    ended = true;
  }
}
