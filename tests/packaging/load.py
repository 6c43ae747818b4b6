"""Opens the installed libyoke.so from Python, loads policies into a runtime, and runs a job on it.
Usage: load.py LIBRARY POLICY...

The structs are written down here by hand, as a binding would do it: the first bytes of yoke_job.
"""
import ctypes
import hashlib
import sys

JOB_BYTES = 256
FOREVER = 2**64 - 1


class Job(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("type", ctypes.c_void_p),
        ("inputs", ctypes.c_void_p * 4),
        ("out", ctypes.c_void_p),
        ("num_items", ctypes.c_uint32),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_uint8 * (JOB_BYTES - 64)),
    ]


def main():
    yoke = ctypes.CDLL(sys.argv[1])
    yoke.yoke_version.restype = ctypes.c_char_p
    yoke.yoke_type_find.restype = ctypes.c_void_p
    runtime = ctypes.c_void_p()
    assert yoke.yoke_create(ctypes.byref(runtime), None) == 0
    assert yoke.yoke_tasks_register_all(runtime) == 0

    assert len(sys.argv) > 2
    for path in sys.argv[2:]:
        policy = ctypes.c_void_p()
        assert yoke.yoke_policy_read(ctypes.byref(policy), path.encode(), None, 0) == 0, path
        assert yoke.yoke_policy_load(runtime, policy) == 0, path
        yoke.yoke_policy_free(ctypes.byref(policy))

    messages = bytes(range(256))
    digests = ctypes.create_string_buffer(4 * 32)
    job = Job(struct_bytes=JOB_BYTES, num_items=4)
    job.type = yoke.yoke_type_find(runtime, b"sha256")
    job.inputs[0] = ctypes.cast(ctypes.c_char_p(messages), ctypes.c_void_p).value
    job.out = ctypes.addressof(digests)
    pointer = ctypes.pointer(job)
    assert yoke.yoke_submit(runtime, ctypes.byref(pointer), ctypes.c_size_t(1)) == 0
    assert yoke.yoke_wait(runtime, pointer, ctypes.c_uint64(FOREVER)) == 0
    expected = [hashlib.sha256(messages[i : i + 64]).digest() for i in range(0, 256, 64)]
    assert digests.raw == b"".join(expected)

    yoke.yoke_destroy(ctypes.byref(runtime))
    assert not runtime
    print(yoke.yoke_version().decode())


main()
