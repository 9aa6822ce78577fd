"""The listening page: what is in a folder, its pictures, and the one HTML file that holds it all."""
