package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.server.testing.CompoundReply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: the table of all operations in docs/PROTOCOL.md says what the server does. */
@Timeout(120)
class OperationTableTest {

  private static final String ILLEGAL = "NFS4ERR_OP_ILLEGAL";
  private static final String NOT_SUPPORTED = "NFS4ERR_NOTSUPP";

  /** A row: which minor versions define it, and whether it is here. */
  private record Row(String name, boolean in41, boolean in42, boolean here) {}

  private static Map<Integer, Row> documented() throws IOException {
    Path docs = Path.of(System.getProperty("basedir", "."), "..", "docs", "PROTOCOL.md");
    List<String> lines = Files.readAllLines(docs);
    int start = lines.indexOf("### All operations");
    assertThat(start).as("the table in " + docs).isPositive();
    Map<Integer, Row> rows = new TreeMap<>();
    for (String line : lines.subList(start, lines.size())) {
      String[] cells = line.split("\\|", -1);
      if (cells.length >= 6 && cells[1].strip().matches("[0-9]+")) {
        rows.put(
            Integer.parseInt(cells[1].strip()),
            new Row(
                cells[2].strip(),
                !cells[3].isBlank(),
                !cells[4].isBlank(),
                cells[5].strip().equals("yes")));
      }
    }
    return rows;
  }

  @Test
  void everyOperationIsInTheTableByItsNameAndMinorVersions() throws IOException {
    Map<Integer, Row> rows = documented();
    for (int opcode = NfsOp4.OP_ACCESS; opcode <= NfsOp4.OP_REMOVEXATTR; opcode++) {
      Row row = rows.remove(opcode);
      assertThat(row).as("operation " + opcode).isNotNull();
      assertThat("OP_" + row.name()).isEqualTo(NfsOp4.name(opcode));
      assertThat(row.in41()).as(row.name()).isEqualTo(NfsOp4.isDefined(1, opcode));
      assertThat(row.in42()).as(row.name()).isEqualTo(NfsOp4.isDefined(2, opcode));
    }
    assertThat(rows).isEmpty();
  }

  @Test
  void theServerAnswersAsTheTableSays() throws IOException {
    try (ServerFixture server = new ServerFixture()) {
      FileCalls client = server.client("alice");
      documented()
          .forEach((opcode, row) -> {
            for (int minor = 1; minor <= 2; minor++) {
              // Without arguments: an operation that is here finds fault with them, or does its
              // work.
              String status = answer(client, minor, opcode);
              boolean defined = minor == 1 ? row.in41() : row.in42();
              String what = row.name() + " in NFSv4." + minor + " answered " + status;
              assertThat(status.equals(ILLEGAL)).as(what).isEqualTo(!defined);
              if (defined) {
                assertThat(status.equals(NOT_SUPPORTED)).as(what).isEqualTo(!row.here());
              }
            }
          });
    }
  }

  private static String answer(FileCalls client, int minor, int opcode) {
    CompoundReply reply =
        client.connection().call(client.session().next(0, false).minorVersion(minor).op(opcode));
    reply.sequenceOk();
    return reply.status();
  }
}
