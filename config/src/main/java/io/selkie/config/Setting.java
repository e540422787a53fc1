package io.selkie.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * What a key of the configuration file may hold; stands on the record component that the key fills.
 * The key is the component's name, and its unit is the end of that name.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Setting {

  /** What {@link #value} says when the key has no default and must be given. */
  String REQUIRED = "\0required";

  /** What {@link #value} says when nothing, {@code null} in the file, is the default. */
  String NOTHING = "\0nothing";

  /** The default, written as in the file. */
  String value() default REQUIRED;

  /** Smallest number, or shortest text. */
  long min() default 0;

  /** Largest number, or longest text. */
  long max() default Integer.MAX_VALUE;

  /** Whether a running server can take a new value without a restart. */
  boolean live() default false;
}
