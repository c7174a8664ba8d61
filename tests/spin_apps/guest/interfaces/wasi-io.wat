  ;; wasi:io 0.2.0, as far as the sample apps use it.
  (import "wasi:io/error@0.2.0" (instance $wasi:io/error@0.2.0 (export "error" (type (sub resource)))))
  (alias export $wasi:io/error@0.2.0 "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $wasi:io/streams@0.2.0
    (alias outer 1 $error (type $outer))
    (export "error" (type $error (eq $outer)))
    (export "output-stream" (type $output-stream (sub resource)))
    (type $cases (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $cases)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))
  ))
  (alias export $wasi:io/streams@0.2.0 "output-stream" (type $output-stream))
