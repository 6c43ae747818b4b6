"""rules_java: the Java rules built into Bazel 4; its list of toolchains loads these."""

java_import = native.java_import
java_runtime = native.java_runtime
java_toolchain = native.java_toolchain
