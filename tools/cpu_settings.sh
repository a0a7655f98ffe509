#!/usr/bin/env bash
# Source this before training or measuring on a CPU; what is set already is left alone.

# A thread that waits for another spins briefly and then sleeps. The default spins for
# milliseconds, which all but stops training when another process wants the cores.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}

# Freed memory is kept. By default the allocator gives every large tensor back to the system,
# which clears its pages again for the next one: up to a fifth of the CPU time was spent there.
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-1000000000}  # bytes
export MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-2000000000}  # bytes
export MALLOC_TOP_PAD_=${MALLOC_TOP_PAD_:-67108864}                  # bytes
