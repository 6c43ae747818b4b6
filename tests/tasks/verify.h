/*
 * One call of the secp256k1_verify kernel on one item, for tests.
 */
#ifndef YOKE_TESTS_TASKS_VERIFY_H
#define YOKE_TESTS_TASKS_VERIFY_H

#include <stddef.h>
#include <stdint.h>

/* The verdict byte, or -1 if the kernel failed. The key and the signature are given to the kernel
 * in memory of exactly their length, so that a sanitizer sees any byte read beyond. */
int verify(uint32_t encoding, uint32_t flags, const uint8_t digest[32], const void *key,
           size_t key_bytes, const void *signature, size_t signature_bytes);

#endif
