/**
 * What needs more than one module: structure and system tests, the simulator, the rig of virtual
 * machines and the benchmarks.
 */
package io.selkie.test;
