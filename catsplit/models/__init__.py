"""Video classifiers, text encoders and vision-language models of others, taken apart into backbone and head."""
