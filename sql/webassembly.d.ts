/** The one name of the platform's WebAssembly that we use; Node's types leave it to the DOM's, which we are not. */
declare namespace WebAssembly {
  class RuntimeError extends Error {}
}
