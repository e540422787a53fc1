package io.selkie.server.ops.attr;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.acl.Nfs4Ace;
import io.selkie.server.acl.Nfs4Ace.Who;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Goal: whom an access control list names is written as owners and groups are. */
class WireAceTest {

  private static final OwnerNames NAMES =
      new OwnerNames() {
        @Override
        public void encodeUser(XdrWriter out, int uid) {
          out.utf8("user" + uid + "@example.org");
        }

        @Override
        public void encodeGroup(XdrWriter out, int gid) {
          out.utf8("group" + gid + "@example.org");
        }

        @Override
        public long user(String text) {
          return number("user", text);
        }

        @Override
        public long group(String text) {
          return number("group", text);
        }

        private static long number(String kind, String text) {
          if (text.equals("slow@example.org")) {
            return -NfsStat4.NFS4ERR_DELAY;
          }
          return text.matches(kind + "\\d+@example.org")
              ? Long.parseLong(text.replaceAll("\\D", ""))
              : -NfsStat4.NFS4ERR_BADOWNER;
        }
      };

  private static final List<Nfs4Ace> LIST =
      List.of(
          new Nfs4Ace(Nfs4Ace.ALLOW, 0, 1, Who.OWNER, 0),
          new Nfs4Ace(Nfs4Ace.ALLOW, 0, 2, Who.NAMED, 1000),
          new Nfs4Ace(Nfs4Ace.DENY, Nfs4Ace.IDENTIFIER_GROUP, 3, Who.NAMED, 50),
          new Nfs4Ace(Nfs4Ace.ALLOW, 0, 4, Who.EVERYONE, 0));

  private static XdrReader list(String... names) {
    ByteBuffer buffer = ByteBuffer.allocate(1024);
    XdrWriter out = new XdrWriter(buffer);
    new Bitmap4().set(FileAttributes.FATTR4_ACL).encode(out);
    int length = out.beginOpaque();
    out.int32(names.length);
    for (String name : names) {
      out.int32(Nfs4Ace.ALLOW);
      out.int32(name.startsWith("group") ? Nfs4Ace.IDENTIFIER_GROUP : 0);
      out.int32(1);
      out.utf8(name);
    }
    out.endOpaque(length);
    buffer.flip();
    return new XdrReader(buffer);
  }

  @Test
  void namesAreWrittenAndReadByWhoKnowsThem() {
    ByteBuffer buffer = ByteBuffer.allocate(1024);
    WireAce.encode(new XdrWriter(buffer), LIST, NAMES);
    buffer.flip();
    List<WireAce> wire = WireAce.decode(new XdrReader(buffer));
    assertThat(wire)
        .extracting(WireAce::who)
        .containsExactly("OWNER@", "user1000@example.org", "group50@example.org", "EVERYONE@");
    List<Nfs4Ace> read = new ArrayList<>();
    assertThat(WireAce.resolve(wire, read, NAMES)).isEqualTo(NfsStat4.NFS4_OK);
    assertThat(read).isEqualTo(LIST);
  }

  @Test
  void listThatAClientSetsIsReadByTheSameNames() {
    List<Nfs4Ace> read = new ArrayList<>();
    SetAttrs attrs = SetAttrs.decode(list("user7@example.org", "group8@example.org"), NAMES);
    assertThat(attrs.acl(read)).isEqualTo(NfsStat4.NFS4_OK);
    assertThat(read).extracting(Nfs4Ace::id).containsExactly(7, 8);
    for (String nobody : new String[] {"user7", "group8@elsewhere", "", "OWNER"}) {
      assertThat(SetAttrs.decode(list(nobody), NAMES).acl(new ArrayList<>()))
          .as(nobody)
          .isEqualTo(NfsStat4.NFS4ERR_BADOWNER);
    }
    assertThat(SetAttrs.decode(list("slow@example.org"), NAMES).acl(new ArrayList<>()))
        .isEqualTo(NfsStat4.NFS4ERR_DELAY);
  }
}
