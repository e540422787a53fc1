/**
 * What needs more than one module: the demo, the benchmarks and what they share with the system
 * tests. The tests beside it hold the structure, run the simulation, and judge a whole server from
 * outside.
 */
package io.selkie.test;
