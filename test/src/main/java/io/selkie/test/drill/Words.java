package io.selkie.test.drill;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The words that scenarios have for steps and expectations, and the records that they fill. */
final class Words {

  /** Holds a list of steps; each is one of these. */
  static final String TOGETHER = "together";

  /** Holds a list of steps too, and how often. */
  static final String IN_ORDER = "inOrder";

  /** Steps by their word. */
  static final Map<String, Class<? extends Record>> STEPS = steps();

  /** Expectations by their word. */
  static final Map<String, Class<? extends Record>> EXPECTATIONS = expectations();

  private Words() {}

  private static Map<String, Class<? extends Record>> steps() {
    Map<String, Class<? extends Record>> words = new LinkedHashMap<>();
    words.put("layoutget", LayoutGet.class);
    words.put("write", DirectWrite.class);
    words.put("read", DirectRead.class);
    words.put("commit", Commit.class);
    words.put("return", GiveBack.class);
    words.put("flood", BeginFlood.class);
    words.put("calm", Calm.class);
    words.put("poke", Poke.class);
    words.put("disconnect", Disconnect.class);
    words.put("open", LocalOpen.class);
    words.put("truncate", LocalTruncate.class);
    words.put("store", LocalStore.class);
    words.put("reflink", LocalReflink.class);
    words.put("punch", LocalPunch.class);
    words.put("rename", LocalRename.class);
    words.put("unlink", LocalUnlink.class);
    words.put("recall", AdminRecall.class);
    words.put("fence", AdminFence.class);
    words.put("stopServer", StopServer.class);
    words.put("killServer", KillServer.class);
    words.put("startServer", StartServer.class);
    words.put("await", AwaitEvent.class);
    return words;
  }

  private static Map<String, Class<? extends Record>> expectations() {
    Map<String, Class<? extends Record>> words = new LinkedHashMap<>();
    words.put("recalled", WasRecalled.class);
    words.put("returned", HasReturned.class);
    words.put("fenced", WasFenced.class);
    words.put("spared", WasSpared.class);
    words.put("silenced", WasSilenced.class);
    words.put("waited", HasWaited.class);
    words.put("content", HasContent.class);
    words.put("gone", IsGone.class);
    words.put("left", IsLeft.class);
    return words;
  }

  /** All words for steps, those with lists included. */
  static List<String> allSteps() {
    List<String> words = new java.util.ArrayList<>(STEPS.keySet());
    words.add(TOGETHER);
    words.add(IN_ORDER);
    return words;
  }
}
