  ;; The memory of an app, apart from its code, so that the functions it imports can be given it. What the host hands
  ;; over is put behind the first 1 MiB, which belongs to the code; nothing is given back, as an instance serves one
  ;; request.
  (core module $memory-module
    (memory (export "memory") 17)
    (global $free (mut i32) (i32.const 1048576))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $place i32)
      (local.set $place (i32.and
        (i32.sub (i32.add (global.get $free) (local.get $align)) (i32.const 1))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $free (i32.add (local.get $place) (local.get $size)))
      (block $fits
        (br_if $fits (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $fits (i32.ne (i32.const -1) (memory.grow (i32.add (i32.const 1)
          (i32.shr_u (i32.sub (global.get $free) (i32.mul (memory.size) (i32.const 65536))) (i32.const 16))))))
        unreachable)
      (memory.copy (local.get $place) (local.get $old) (local.get $old-size))
      (local.get $place)))
