// The API reference: Swagger UI over this installation's own description.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  // With more than a hundred operations open at once the viewer stops in the middle of the second section.
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor(request) {
    request.headers["Accept-Language"] = document.documentElement.lang;
    return request;
  },
});
