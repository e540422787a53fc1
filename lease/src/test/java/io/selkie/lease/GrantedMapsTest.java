package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Goal: each map that is taken out is that very one, from whichever end, and the rest stay. */
class GrantedMapsTest {

  private static BlockMap map() {
    return new BlockMap(7, new ByteRange(0, 4096), List.of());
  }

  @Property
  void whatIsTakenOutIsThatVeryMap(
      @ForAll @Size(min = 1, max = 20) List<@IntRange(min = 0, max = 19) Integer> order) {
    GrantedMaps granted = new GrantedMaps();
    List<BlockMap> left = new ArrayList<>();
    for (int i = 0; i < order.size(); i++) {
      BlockMap one = map();
      granted.add(one);
      left.add(one);
    }
    for (int at : order) {
      BlockMap going = left.remove(at % left.size());

      assertThat(granted.remove(going)).isTrue();

      assertThat(granted.has(going)).isFalse();
      assertThat(granted.copy()).usingElementComparator((a, b) -> a == b ? 0 : 1).isEqualTo(left);
    }
    assertThat(granted.remove(map())).isFalse();
  }
}
