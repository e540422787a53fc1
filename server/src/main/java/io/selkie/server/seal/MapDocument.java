package io.selkie.server.seal;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealMode;
import io.selkie.server.admin.Rows.ExtentRow;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * What the command is told of the sealed files, as JSON: names stay as they are.
 *
 * @param pid of {@code selkie seal}
 * @param write whether they were prepared for writing
 * @param holdMillis how long there is from a break until the seals are given up
 */
record MapDocument(long pid, boolean write, long holdMillis, List<FileMap> files) {

  /**
   * One file.
   *
   * @param path absolute
   * @param device {@code MAJOR:MINOR}, the one that physical offsets are on
   * @param mode shared or exclusive
   * @param dax whether a mapping of it is the storage
   * @param length bytes that the extents are of, from 0
   */
  record FileMap(
      String path,
      String device,
      String inode,
      String mode,
      boolean dax,
      long length,
      List<ExtentRow> extents) {}

  static MapDocument of(long pid, boolean write, long holdMillis, SealedFiles sealed) {
    return new MapDocument(
        pid, write, holdMillis, sealed.files().stream().map(MapDocument::file).toList());
  }

  private static FileMap file(SealedFiles.Sealed sealed) {
    FileIdentity identity = sealed.file().identity();
    SealMode mode = sealed.seal().mode();
    return new FileMap(
        sealed.file().path().toString(),
        FileIdentity.deviceText(identity.device()),
        Long.toUnsignedString(identity.inode()),
        mode.name().toLowerCase(Locale.ROOT),
        sealed.seal().exact(),
        sealed.map().range().length(),
        sealed.map().extents().stream().map(ExtentRow::of).toList());
  }

  void write(Path to) throws IOException {
    new ObjectMapper().writeValue(to.toFile(), this);
  }
}
