package io.selkie.test.drill;

import java.io.StringWriter;
import java.util.List;
import java.util.Locale;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/** The same as continuous integration wants it: a suite for each scenario, a case for each line. */
final class JunitReport {

  private JunitReport() {}

  /** The document. */
  static String of(List<Outcome> outcomes, List<NotPlayed> notPlayed) {
    StringWriter text = new StringWriter();
    try {
      XMLStreamWriter xml = XMLOutputFactory.newFactory().createXMLStreamWriter(text);
      xml.writeStartDocument("UTF-8", "1.0");
      xml.writeCharacters("\n");
      xml.writeStartElement("testsuites");
      xml.writeAttribute("name", "selkie drill");
      counts(xml, outcomes, notPlayed);
      for (Outcome outcome : outcomes) {
        suite(xml, outcome);
      }
      for (NotPlayed scenario : notPlayed) {
        suite(xml, scenario);
      }
      xml.writeEndElement();
      xml.writeEndDocument();
      xml.close();
    } catch (XMLStreamException e) {
      throw new IllegalStateException("a document in memory", e);
    }
    return text + "\n";
  }

  private static void counts(XMLStreamWriter xml, List<Outcome> outcomes, List<NotPlayed> notPlayed)
      throws XMLStreamException {
    long tests =
        notPlayed.size() + outcomes.stream().mapToLong(outcome -> outcome.verdicts().size()).sum();
    long errors = notPlayed.stream().filter(NotPlayed::isError).count();
    long failures = outcomes.stream().mapToLong(Outcome::failed).sum();
    double seconds = outcomes.stream().mapToDouble(Outcome::seconds).sum();
    xml.writeAttribute("tests", Long.toString(tests));
    xml.writeAttribute("failures", Long.toString(failures));
    xml.writeAttribute("errors", Long.toString(errors));
    xml.writeAttribute("skipped", Long.toString(notPlayed.size() - errors));
    xml.writeAttribute("time", seconds(seconds));
  }

  private static void suite(XMLStreamWriter xml, Outcome outcome) throws XMLStreamException {
    xml.writeCharacters("\n  ");
    xml.writeStartElement("testsuite");
    xml.writeAttribute("name", outcome.scenario().name());
    counts(xml, List.of(outcome), List.of());
    for (Verdict verdict : outcome.verdicts()) {
      xml.writeCharacters("\n    ");
      xml.writeStartElement("testcase");
      xml.writeAttribute("classname", "selkie.drill." + outcome.scenario().name());
      xml.writeAttribute("name", clean(verdict.text()));
      xml.writeAttribute("time", seconds(outcome.seconds() / outcome.verdicts().size()));
      if (verdict.held()) {
        xml.writeStartElement("system-out");
      } else {
        xml.writeStartElement("failure");
        xml.writeAttribute("message", clean(verdict.found()));
      }
      xml.writeCharacters(clean(verdict.found()));
      xml.writeEndElement();
      xml.writeEndElement();
    }
    xml.writeCharacters("\n  ");
    xml.writeEndElement();
  }

  private static void suite(XMLStreamWriter xml, NotPlayed scenario) throws XMLStreamException {
    xml.writeCharacters("\n  ");
    xml.writeStartElement("testsuite");
    xml.writeAttribute("name", scenario.name());
    counts(xml, List.of(), List.of(scenario));
    xml.writeCharacters("\n    ");
    xml.writeStartElement("testcase");
    xml.writeAttribute("classname", "selkie.drill." + scenario.name());
    xml.writeAttribute("name", "it is played");
    xml.writeAttribute("time", seconds(0));
    xml.writeStartElement(scenario.isError() ? "error" : "skipped");
    xml.writeAttribute("message", clean(scenario.reason()));
    xml.writeEndElement();
    xml.writeEndElement();
    xml.writeCharacters("\n  ");
    xml.writeEndElement();
  }

  private static String seconds(double seconds) {
    return String.format(Locale.ROOT, "%.3f", seconds);
  }

  /** Without what XML 1.0 cannot hold. */
  static String clean(String text) {
    return text.replaceAll("[^\\x09\\x0a\\x0d\\x20-\\ud7ff\\ue000-\\ufffd]", "?");
  }
}
