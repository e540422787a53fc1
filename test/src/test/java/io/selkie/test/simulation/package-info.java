/**
 * The deterministic simulation: the real lease and layout code on one thread, among a simulated
 * kernel, clock, network, RDMA provider and clients, all from one seed. A checker asserts S1 to S4
 * at every step; mutants show that it can fail.
 */
package io.selkie.test.simulation;
