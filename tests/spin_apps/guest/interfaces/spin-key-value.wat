  ;; fermyon:spin/key-value 2.0.0, as far as the sample apps use it.
  (import "fermyon:spin/key-value@2.0.0" (instance $fermyon:spin/key-value@2.0.0
    (export "store" (type $store (sub resource)))
    (type $cases (variant
      (case "store-table-full") (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $cases)))
    (export "[static]store.open" (func (param "label" string) (result (result (own $store) (error $error)))))
    (export "[method]store.get" (func
      (param "self" (borrow $store)) (param "key" string) (result (result (option (list u8)) (error $error)))))
    (export "[method]store.set" (func
      (param "self" (borrow $store)) (param "key" string) (param "value" (list u8)) (result (result (error $error)))))
  ))
