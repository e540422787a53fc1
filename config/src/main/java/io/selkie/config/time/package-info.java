/**
 * Injected time: whoever needs a clock or a timer is handed one, so that a simulation can own it.
 */
package io.selkie.config.time;
