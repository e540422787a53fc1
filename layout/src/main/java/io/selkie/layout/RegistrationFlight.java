package io.selkie.layout;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** The flight recorder's event of memory that is registered for one client's layout. */
@Name("selkie.Registration")
@Label("Registration")
@Category("Selkie")
@Description("Memory of a sealed file is registered for remote access")
@StackTrace(false)
final class RegistrationFlight extends Event {
  @Label("Client")
  String client;

  @Label("File")
  String file;

  @Label("Offset")
  long offset;

  @Label("Bytes")
  @DataAmount
  long bytes;
}
