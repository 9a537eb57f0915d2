/** The bundler takes stylesheets out of the modules that import them. */
declare module '*.css';
