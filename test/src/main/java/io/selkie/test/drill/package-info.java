/**
 * {@code selkie drill}: recalls on purpose. A scenario (YAML) names files, clients that behave well
 * or badly, what is done in which order, and what must come of it; the report says what happened,
 * with the numbers of the recalls that stand in the server's log.
 */
package io.selkie.test.drill;
