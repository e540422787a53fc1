/**
 * Typed, validated, immutable configuration. A change while the server runs is a validated
 * difference between two of them, never a mutation of one.
 */
package io.selkie.config;
