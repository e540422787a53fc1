/**
 * What the demo, the benchmarks and the system tests all need: a server in a process of its own,
 * scratch directories, facts about the machine, output for people and for programs.
 */
package io.selkie.test.support;
