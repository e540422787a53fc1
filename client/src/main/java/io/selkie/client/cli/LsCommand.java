package io.selkie.client.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.selkie.client.DirectoryEntry;
import io.selkie.client.FileStatus;
import io.selkie.client.NfsUrl;
import io.selkie.client.SelkieClient;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Lists directories and files of a server. */
@Command(
    name = "ls",
    description = "List files and directories of a server, sorted by name.",
    sortOptions = false)
final class LsCommand extends RemoteCommand {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT)
          .withZone(ZoneId.systemDefault());

  @Parameters(arity = "1..*", paramLabel = "URL", description = "nfs://HOST[:PORT]/EXPORT/PATH")
  private List<String> urls = new ArrayList<>();

  @Option(
      names = {"-l", "--long"},
      description = "Show type, mode, links, owner, group, size and time of change too.")
  private boolean isLong;

  @Option(
      names = {"-d", "--directory"},
      description = "Show directories themselves, not what is in them.")
  private boolean isDirectoryItself;

  @Option(names = "--json", description = "Print one JSON array for programs.")
  private boolean isJson;

  @Override
  void run(Servers servers) throws IOException {
    ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    ArrayNode json = mapper.createArrayNode();
    for (String argument : urls) {
      NfsUrl url = url(argument);
      try {
        List<DirectoryEntry> entries = entries(servers.of(url), url);
        if (isJson) {
          entries.forEach(entry -> json.add(toJson(mapper, url, entry)));
        } else {
          print(url, entries);
        }
      } catch (IOException e) {
        failed(url.toString(), e);
      }
    }
    if (isJson) {
      out().println(mapper.writeValueAsString(json));
    }
  }

  private List<DirectoryEntry> entries(SelkieClient client, NfsUrl url) throws IOException {
    FileStatus status = client.status(url.path());
    if (!status.isDirectory() || isDirectoryItself) {
      return List.of(new DirectoryEntry(url.fileName().isEmpty() ? "/" : url.fileName(), status));
    }
    return client.list(url.path()).stream()
        .sorted(Comparator.comparing(DirectoryEntry::name))
        .toList();
  }

  private void print(NfsUrl url, List<DirectoryEntry> entries) {
    if (urls.size() > 1) {
      out().println(Text.printable(url + ":"));
    }
    for (DirectoryEntry entry : entries) {
      out().println(isLong ? longLine(entry) : Text.printable(entry.name()));
    }
  }

  private static String longLine(DirectoryEntry entry) {
    FileStatus status = entry.status();
    return "%c%s %3s %-8s %-8s %12s %s %s"
        .formatted(
            status.type() == null ? '?' : status.type().letter(),
            mode(status.mode()),
            status.links() < 0 ? "?" : status.links(),
            Text.printable(orUnknown(status.owner())),
            Text.printable(orUnknown(status.group())),
            status.sizeBytes() < 0 ? "?" : status.sizeBytes(),
            status.modified() == null ? "                  ?" : TIME.format(status.modified()),
            Text.printable(entry.name()));
  }

  private static String orUnknown(String text) {
    return text == null ? "?" : text;
  }

  private static String mode(int mode) {
    if (mode < 0) {
      return "?????????";
    }
    char[] letters = "rwxrwxrwx".toCharArray();
    for (int i = 0; i < letters.length; i++) {
      if ((mode >> (8 - i) & 1) == 0) {
        letters[i] = '-';
      }
    }
    special(letters, 2, (mode & 04000) != 0, 's');
    special(letters, 5, (mode & 02000) != 0, 's');
    special(letters, 8, (mode & 01000) != 0, 't');
    return new String(letters);
  }

  private static void special(char[] letters, int at, boolean isSet, char letter) {
    if (isSet) {
      letters[at] = letters[at] == 'x' ? letter : Character.toUpperCase(letter);
    }
  }

  private static ObjectNode toJson(ObjectMapper mapper, NfsUrl url, DirectoryEntry entry) {
    FileStatus status = entry.status();
    ObjectNode node = mapper.createObjectNode();
    node.put("url", url.toString());
    node.put("name", entry.name());
    node.put("type", status.type() == null ? null : status.type().name().toLowerCase(Locale.ROOT));
    putNumber(node, "size_bytes", status.sizeBytes());
    putNumber(node, "file_id", status.fileId());
    node.put("mode", status.mode() < 0 ? null : "%04o".formatted(status.mode()));
    putNumber(node, "links", status.links());
    node.put("owner", status.owner());
    node.put("group", status.group());
    Instant modified = status.modified();
    node.put("modified", modified == null ? null : modified.toString());
    return node;
  }

  private static void putNumber(ObjectNode node, String name, long value) {
    if (value >= 0) {
      node.put(name, value);
    } else {
      node.putNull(name);
    }
  }
}
